from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from llmhub.accounts import tokens
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.forms import TokenForm
from llmhub.accounts.models import ApiToken, Role
from llmhub.accounts.requests import HubRequest, ProjectRequest


@require_form_methods
@project_required()
@never_cache
def token_list(request: ProjectRequest) -> HttpResponse:
    """The person's tokens to the current project. A new one's secret is on this answer only."""
    role = Role(request.membership.role)
    form = TokenForm(request.POST or None, role=role)
    secret = ""
    if request.method == "POST" and form.is_valid():
        secret = _create(request, form)
        form = TokenForm(role=role)
    rows = request.user.api_tokens.filter(project=request.project, revoked_at=None)
    context = {"tokens": rows.order_by("-pk"), "form": form, "secret": secret}
    return render(request, "accounts/tokens.html", context)


def _create(request: ProjectRequest, form: TokenForm) -> str:
    _row, secret = tokens.create(
        request.user,
        request.project,
        form.cleaned_data["name"],
        form.cleaned_data["scopes"],
        form.expires_at(),
    )
    return secret


@require_POST
@login_required
def token_revoke(request: HubRequest, token_id: int) -> HttpResponse:
    """Nobody else's token exists here, not even for an admin."""
    row = get_object_or_404(ApiToken, pk=token_id, user=request.user)
    tokens.revoke(row)
    messages.success(request, _("The token “%(name)s” is revoked.") % {"name": row.name})
    return redirect(f"{reverse('tokens')}?project={row.project.slug}")
