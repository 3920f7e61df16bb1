from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from llmhub.accounts import audit_page
from llmhub.accounts.decorators import project_required
from llmhub.accounts.models import Role
from llmhub.accounts.requests import ProjectRequest


@require_safe
@project_required(Role.APPROVER)
def audit(request: ProjectRequest) -> HttpResponse:
    """What happened in the current project, and who did it."""
    return render(request, "accounts/audit.html", audit_page.context(request.project, request.GET))
