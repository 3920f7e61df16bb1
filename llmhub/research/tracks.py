"""The tracks of the book, and how many of a team's hypotheses stand in each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count
from django.utils.translation import gettext as _

from llmhub.reference.content import library
from llmhub.reference.entries import Entry, Kind, Term, Track
from llmhub.research.models import Hypothesis, State

if TYPE_CHECKING:
    from llmhub.accounts.models import Project


@dataclass(frozen=True)
class Card:
    track: Entry[Track]
    # (state, its title, how many): those that there are.
    counts: list[tuple[str, str, int]]


def in_order() -> list[Entry[Track]]:
    return sorted(library()[Kind.TRACK].values(), key=lambda track: track.facts.position)


def named(slug: str) -> Entry[Track] | None:
    return library()[Kind.TRACK].get(slug)


def title(slug: str) -> str:
    """A track that this release does not have any more keeps its slug."""
    found = named(slug)
    return found.title if found else slug


def choices(kept: str = "") -> list[tuple[str, str]]:
    found = [("", _("None"))] + [(track.slug, track.title) for track in in_order()]
    if kept and kept not in dict(found):
        found.append((kept, kept))
    return found


def cards(project: Project) -> list[Card]:
    here = Hypothesis.objects.filter(project=project).listed().order_by()
    counted = here.values_list("track", "state").annotate(n=Count("pk"))
    counts: Counter[tuple[str, str]] = Counter()
    for slug, state, n in counted:
        counts[slug, state] = n
    return [Card(track, of_track(counts, track.slug)) for track in in_order()]


def of_track(counts: Counter[tuple[str, str]], slug: str) -> list[tuple[str, str, int]]:
    every = [(state.value, str(state.label), counts[slug, state.value]) for state in State]
    return [one for one in every if one[2]]


def terms_of(track: Entry[Track]) -> list[Entry[Term]]:
    known = library()[Kind.TERM]
    return [known[slug] for slug in track.facts.terms if slug in known]


def resources_of(track: Entry[Track]) -> list[Entry[object]]:
    known = library()[Kind.RESOURCE]
    return [known[slug] for slug in track.facts.resources if slug in known]
