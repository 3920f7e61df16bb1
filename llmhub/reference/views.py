"""The index of concepts, the glossary, and one term."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.requests import ProjectRequest
from llmhub.reference import glossary as terms
from llmhub.reference import markup


@require_safe
@project_required()
def reference(request: ProjectRequest) -> HttpResponse:
    return render(request, "reference/index.html")


@require_safe
@login_required
def glossary(request: HttpRequest) -> HttpResponse:
    return render(request, "reference/glossary.html", {"terms": terms.terms().values()})


@require_safe
@login_required
def term(request: HttpRequest, slug: str) -> HttpResponse:
    found = terms.term(slug)
    if found is None:
        raise Http404
    context = {"term": found, "body": markup.html_of(found.text.body)}
    return render(request, "reference/term.html", context)
