"""The research of a team: the tracks of the book, and what it wants to find out itself."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.requests import ProjectRequest


@require_safe
@project_required()
def research(request: ProjectRequest) -> HttpResponse:
    return render(request, "research/research.html", {})
