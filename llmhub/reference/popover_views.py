"""A term as the popover shows it, on any page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from llmhub.reference import glossary


@require_safe
@login_required
def term_short(request: HttpRequest, slug: str) -> HttpResponse:
    found = glossary.term(slug)
    if found is None:
        raise Http404(_("There is no such term."))
    see = [near for name in found.facts.see if (near := glossary.term(name))]
    return render(request, "reference/_short.html", {"entry": found, "see": see})
