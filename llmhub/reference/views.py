"""The index of concepts, the glossary, and one term."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.reference import glossary as terms
from llmhub.reference import page
from llmhub.reference.places import Asked


@require_safe
@project_required()
def reference(request: ProjectRequest) -> HttpResponse:
    asked = Asked(request.user, request.project)
    return render(request, "reference/index.html", page.index(asked))


@require_safe
@login_required
def glossary(request: HttpRequest) -> HttpResponse:
    letters = page.letters()
    count = sum(len(letter.terms) for letter in letters)
    return render(request, "reference/glossary.html", {"letters": letters, "count": count})


@require_safe
@login_required
def term(plain: HttpRequest, slug: str) -> HttpResponse:
    request = cast(HubRequest, plain)
    found = terms.term(slug)
    if found is None:
        raise Http404
    asked = Asked(request.user, request.project) if request.project else None
    return render(request, "reference/term.html", page.term_page(found, asked))
