from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from llmhub.accounts import access, links, services
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.forms import InviteForm, RoleForm
from llmhub.accounts.models import Invite, Membership, Project, Role
from llmhub.accounts.requests import HubRequest, ProjectRequest


@require_form_methods
@project_required()
@never_cache
def people(request: ProjectRequest) -> HttpResponse:
    """Who is in the current project; admins invite from here."""
    form = InviteForm(request.POST or None)
    url = ""
    if request.method == "POST":
        access.require(request.user, request.project, Role.ADMIN)
        url = _invite(request, form) if form.is_valid() else ""
    context = {
        "people": request.project.memberships.select_related("user").order_by("user__email"),
        "invites": request.project.invites.open().select_related("created_by").order_by("pk"),
        "roles": Role.choices,
        "form": InviteForm() if url else form,
        "url": url,
    }
    return render(request, "accounts/people.html", context)


def _invite(request: ProjectRequest, form: InviteForm) -> str:
    _row, secret = links.invite(
        request.project,
        request.user,
        Role(form.cleaned_data["role"]),
        email=form.cleaned_data["email"],
        life=form.life(),
    )
    return request.build_absolute_uri(reverse("invite", args=[secret]))


@require_POST
@login_required
def invite_revoke(request: HubRequest, invite_id: int) -> HttpResponse:
    row = access.get(request.user, Invite.objects.all(), Role.ADMIN, pk=invite_id)
    links.revoke(row)
    messages.success(request, _("The invitation is revoked."))
    return _back_to(row.project)


@require_POST
@login_required
def member_role(request: HubRequest, membership_id: int) -> HttpResponse:
    row = access.get(request.user, _members(), Role.ADMIN, pk=membership_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise BadRequest(form.errors.as_text())
    try:
        services.change_role(row, Role(form.cleaned_data["role"]), request.user)
        messages.success(request, _("%(person)s: role changed.") % {"person": row.user})
    except services.Refused as refusal:
        messages.error(request, str(refusal))
    return _back_to(row.project)


@require_POST
@login_required
def member_remove(request: HubRequest, membership_id: int) -> HttpResponse:
    """Admins remove anyone; everyone may leave."""
    row = access.get(request.user, _members(), pk=membership_id)
    if row.user != request.user:
        access.require(request.user, row.project, Role.ADMIN)
    try:
        services.remove(row, request.user)
    except services.Refused as refusal:
        messages.error(request, str(refusal))
        return _back_to(row.project)
    if row.user == request.user:
        messages.success(request, _("You have left %(project)s.") % {"project": row.project})
        return redirect("overview")
    messages.success(request, _("%(person)s is no longer in the project.") % {"person": row.user})
    return _back_to(row.project)


def _members() -> QuerySet[Membership]:
    return Membership.objects.select_related("user", "project")


def _back_to(project: Project) -> HttpResponse:
    return redirect(f"{reverse('people')}?project={project.slug}")
