"""The overview. The runs table is in `runs_views`, the comparison in `comparison_views`."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.requests import ProjectRequest
from llmhub.checklists import page
from llmhub.dashboard import summary
from llmhub.jobs.live import project_topic


@require_safe
@project_required()
def overview(request: ProjectRequest) -> HttpResponse:
    context = summary.of(request.user, request.project)
    context["topic"] = project_topic(request.project.pk)
    if not request.htmx:
        context |= page.waiting(request.user, request.project)
    template = "dashboard/_overview.html" if request.htmx else "dashboard/overview.html"
    return render(request, template, context)
