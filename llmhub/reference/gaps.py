"""What the reference lacks: translations, entries that another one names, formulas that hold."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

from django.conf import settings

from llmhub.reference import markup
from llmhub.reference.content import Library
from llmhub.reference.entries import Concept, Entry, Kind, Resource, Term, Track
from llmhub.reference.formulas import mathml

LINKED = {"term": Kind.TERM, "track": Kind.TRACK, "resource": Kind.RESOURCE}


def gaps(entries: Library) -> Iterator[str]:
    for by_slug in entries.values():
        for entry in by_slug.values():
            place = f"{entry.kind.value}/{entry.slug}"
            yield from (f"{place}: {gap}" for gap in untranslated(entry))
            yield from (f"{place}: {gap}" for gap in dead(entry, entries))
            yield from (f"{place}: {gap}" for gap in unreadable_formula(entry))


def untranslated(entry: Entry[Any]) -> Iterator[str]:
    for language, _name in settings.LANGUAGES:
        if language not in entry.texts:
            yield f"says nothing in “{language}”"
    for language in entry.texts:
        if language not in dict(settings.LANGUAGES):
            yield f"the hub does not speak “{language}”"


def dead(entry: Entry[Any], entries: Library) -> Iterator[str]:
    for kind, slug in {*named(entry.facts), *linked(entry)}:
        if slug not in entries[kind]:
            yield f"there is no {kind.value}/{slug}"


def named(facts: object) -> Iterator[tuple[Kind, str]]:
    match facts:
        case Term():
            yield from ((Kind.TERM, slug) for slug in facts.see)
        case Track():
            yield from ((Kind.TERM, slug) for slug in facts.terms)
            yield from ((Kind.RESOURCE, slug) for slug in facts.resources)
        case Resource():
            yield from ((Kind.TERM, slug) for slug in facts.terms)
        case Concept():
            yield from ((Kind.TRACK, slug) for slug in facts.tracks)
            yield from ((Kind.TERM, slug) for slug in (facts.term,) if slug)
            yield from ((Kind.RESOURCE, slug) for slug in (facts.resource,) if slug)


def linked(entry: Entry[Any]) -> Iterator[tuple[Kind, str]]:
    for text in entry.texts.values():
        for kind, slug in markup.references(text.body):
            yield LINKED[kind], slug


def unreadable_formula(entry: Entry[Any]) -> Iterator[str]:
    formula = getattr(entry.facts, "formula", "")
    try:
        if formula:
            mathml(formula)
    except Exception as error:  # noqa: BLE001 - the library raises many kinds
        yield f"its formula cannot be typeset: {error!r}"


def unexplained(known: Iterable[str], term_of: Callable[[str], object]) -> Iterator[str]:
    """What an app has and no term explains."""
    yield from (f"no term of the glossary explains “{name}”" for name in known if not term_of(name))


def misnamed(fact: str, known: Container[str], entries: Library) -> Iterator[str]:
    """What terms and concepts say of an app that has no such thing; `fact` is what they call it."""
    for kind in (Kind.TERM, Kind.CONCEPT):
        for entry in entries[kind].values():
            for name in getattr(entry.facts, fact):
                if name not in known:
                    yield f"{kind.value}/{entry.slug}: there is no “{name}”"
