"""The page of everything that was found, and the palette that shows it as one types."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.requests import ProjectRequest
from llmhub.lib.texts import whole
from llmhub.search import commands, finding, kinds, results, typed
from llmhub.search.finding import COUNTED, Seen
from llmhub.search.sources import SOURCES, Source

# Of each kind in the palette, on the page of all kinds, and on that of one.
IN_PALETTE, IN_ALL, IN_ONE = 5, 6, 30
# Of what one types few letters of, so many actions and places stand above the results.
COMMANDS = 4
MOST_OPENED = 8


@require_safe
@project_required()
def search(request: ProjectRequest) -> HttpResponse:
    asked = typed.read(request.GET.get("q", ""))
    seen = Seen.by(request.memberships, request.project)
    counts = finding.counts(seen, asked)
    source = source_named(request.GET.get("kind", ""))
    shown = one_kind(request, seen, asked, source, counts) if source else all_kinds(seen, asked)
    context = {
        "typed": asked,
        "kind": source.kind if source else "",
        "kinds": [
            (kind, title, counts[kind]) for kind, title in kinds.TITLES.items() if kind in counts
        ],
        "all": sum(counts.values()),
        "counted": COUNTED,
        "most_words": typed.MOST_WORDS,
        "commands": commands.exact_first(
            [*commands.actions(request, asked), *commands.places(request, asked)], asked
        )
        if asked
        else [],
    }
    return render(request, "search/search.html", context | shown)


def all_kinds(seen: Seen, asked: typed.Typed) -> dict[str, Any]:
    return {"groups": results.groups(finding.find(seen, asked, IN_ALL), asked)}


def one_kind(
    request: ProjectRequest,
    seen: Seen,
    asked: typed.Typed,
    source: Source,
    counts: dict[str, int],
) -> dict[str, Any]:
    page = page_of(request, min(counts.get(source.kind, 0), COUNTED))
    found = finding.find(seen, asked, IN_ONE, (page.number - 1) * IN_ONE, [source])
    return {"groups": results.groups(found, asked), "page": page}


def page_of(request: ProjectRequest, count: int) -> Page[int]:
    number = whole(request.GET.get("page", "")) or 1
    return Paginator(range(count), IN_ONE).get_page(number)


def source_named(kind: str) -> Source | None:
    return next((source for source in SOURCES if source.kind == kind), None)


@require_safe
@cache_control(private=True, no_store=True)
@project_required()
def palette(request: ProjectRequest) -> HttpResponse:
    """The list below the field: commands and results, or what was opened lately."""
    asked = typed.read(request.GET.get("q", ""))
    seen = Seen.by(request.memberships, request.project)
    groups = results.groups(finding.find(seen, asked, IN_PALETTE), asked)
    opened = [] if asked else finding.opened(seen, keys(request.GET.get("opened", "")))
    most = COMMANDS if asked else None
    offered = [
        ("actions", _("Do"), commands.actions(request, asked)[:most]),
        ("places", _("Go to"), commands.places(request, asked)[:most]),
    ]
    # As the kinds of results: just this name stands above what only holds the word.
    offered.sort(key=lambda part: not any(command.is_named(asked) for command in part[2]))
    context = {
        "typed": asked,
        "opened": results.results(opened, asked),
        "offered": offered,
        "groups": groups,
        "shown": sum(len(group.results) for group in groups)
        + sum(len(part) for _name, _title, part in offered),
    }
    return render(request, "search/_palette.html", context)


def keys(text: str) -> list[tuple[str, int]]:
    """Of `run-12,entry-3`: what the browser remembers was opened."""
    found: dict[tuple[str, int], None] = {}
    for each in text.split(",")[:MOST_OPENED]:
        kind, _dash, number = each.partition("-")
        key = whole(number)
        if key is not None:
            found[kind, key] = None
    return list(found)
