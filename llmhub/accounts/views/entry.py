"""How people come in: by a sign-in link or by an invitation.

Opening a link changes nothing, so that a mail client's preview or a browser's prefetch cannot
use it up; the button on the page does.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from llmhub.accounts import links
from llmhub.accounts.decorators import require_form_methods
from llmhub.accounts.forms import NewcomerForm
from llmhub.accounts.middleware import SESSION_KEY
from llmhub.accounts.models import Invite, Project, User
from llmhub.accounts.requests import HubRequest

# Sessions started here belong to the same backend as those started with a password.
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_form_methods
@never_cache
def sign_in(request: HubRequest, secret: str) -> HttpResponse:
    link = links.find_sign_in_link(secret)
    if link and link.user == request.user:
        return redirect("overview")
    if link is None or not link.is_open():
        return render(request, "accounts/sign_in_gone.html", status=410)
    if request.method == "POST":
        return _sign_in(request, secret)
    return render(request, "accounts/sign_in.html", {"link": link})


def _sign_in(request: HubRequest, secret: str) -> HttpResponse:
    try:
        user = links.use_sign_in_link(secret)
    except links.LinkIsGone:
        return render(request, "accounts/sign_in_gone.html", status=410)
    is_first_time = user.last_login is None
    login(request, user, BACKEND)
    return redirect("profile" if is_first_time else "overview")


@require_form_methods
@never_cache
@sensitive_post_parameters("password")
def invite(request: HubRequest, secret: str) -> HttpResponse:
    """Asks a signed-in person to confirm, and a newcomer for the account they want."""
    row = links.find_invite(secret)
    if row is None or not row.is_open():
        return _gone(request)
    if request.user.is_authenticated:
        context = {"invite": row, "secret": secret, "is_for_me": _is_for(row, request.user)}
        return render(request, "accounts/invite_join.html", context)
    form = NewcomerForm(request.POST or None, fixed_email=row.email)
    if request.method == "POST" and form.is_valid():
        return _make_account(request, row, form)
    return render(request, "accounts/invite_account.html", {"invite": row, "form": form})


def _make_account(request: HubRequest, row: Invite, form: NewcomerForm) -> HttpResponse:
    try:
        user = links.accept_as_newcomer(row, **form.cleaned_data)
    except links.LinkIsGone:
        return _gone(request)
    except IntegrityError:
        # The same address, sent twice at once: the form now sees the account and says so.
        form.full_clean()
        return render(request, "accounts/invite_account.html", {"invite": row, "form": form})
    login(request, user, BACKEND)
    return _welcome(request, row.project)


@require_POST
@login_required
def invite_join(request: HubRequest, secret: str) -> HttpResponse:
    row = links.find_invite(secret)
    if row is None or not _is_for(row, request.user):
        return _gone(request)
    try:
        links.accept(row, request.user)
    except links.LinkIsGone:
        return _gone(request)
    return _welcome(request, row.project)


def _is_for(row: Invite, user: User) -> bool:
    return row.email in {"", user.email}


def _gone(request: HubRequest) -> HttpResponse:
    return render(request, "accounts/invite_gone.html", status=410)


def _welcome(request: HubRequest, project: Project) -> HttpResponse:
    request.session[SESSION_KEY] = project.pk
    messages.success(request, _("Welcome to %(project)s.") % {"project": project})
    return redirect("overview")
