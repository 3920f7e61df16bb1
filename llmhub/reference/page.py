"""What the pages of the reference show, worked out before the template."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import ascii_uppercase
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from llmhub.reference import glossary, markup, places
from llmhub.reference.content import library
from llmhub.reference.entries import Concept, Entry, Kind, Resource, Term
from llmhub.reference.formulas import mathml
from llmhub.reference.places import Asked, Found, Place, Places


@dataclass(frozen=True)
class Cell:
    name: str
    title: str | Promise
    # None: the concept says nothing about it.
    found: Found | None


@dataclass(frozen=True)
class ConceptRow:
    concept: Entry[Concept]
    # Where it is explained; empty where nothing does.
    url: str
    cells: Sequence[Cell]
    # What no column counts: named below what it is.
    beside: Sequence[Cell]

    @property
    def body(self) -> SafeString:
        return markup.html_of(self.concept.text.body)


@dataclass(frozen=True)
class Letter:
    letter: str
    terms: Sequence[TermRow]


@dataclass(frozen=True)
class TermRow:
    term: Entry[Term]

    @property
    def names(self) -> str:
        """All that it is called, in every language: what the filter of the page looks at."""
        texts = self.term.texts.values()
        return "\n".join(places.once(*((text.title, *text.aliases) for text in texts)))


@dataclass(frozen=True)
class OtherName:
    language: str
    # Of the language, in that language.
    called: str
    title: str


def index(asked: Asked) -> dict[str, Any]:
    concepts = alphabetical(library()[Kind.CONCEPT].values())
    everywhere = places.of([places.of_concept(each) for each in concepts], asked)
    columns = [each for each in everywhere if each.is_column]
    others = [each for each in everywhere if not each.is_column]
    rows = [
        ConceptRow(each, explained_at(each), cells(each, columns), cells(each, others))
        for each in concepts
    ]
    return {"rows": rows, "columns": columns}


def cells(concept: Entry[Concept], columns: Iterable[Places]) -> list[Cell]:
    return [Cell(each.name, each.title, each.found.get(concept.slug)) for each in columns]


def explained_at(concept: Entry[Concept]) -> str:
    facts = concept.facts
    if facts.term:
        return markup.address("term", facts.term)
    return markup.address("resource", facts.resource) if facts.resource else ""


def letters() -> list[Letter]:
    rows = groupby(alphabetical(glossary.terms().values()), key=initial)
    found = {letter: [TermRow(term) for term in terms] for letter, terms in rows}
    # A letter without a term stays in its place in the bar.
    return [Letter(each, found.get(each, [])) for each in sorted({*ascii_uppercase, *found})]


def term_page(entry: Entry[Term], asked: Asked | None) -> dict[str, Any]:
    """Without a project, where the term occurs in one is not said."""
    concepts = [each for each in library()[Kind.CONCEPT].values() if each.facts.term == entry.slug]
    subject = places.of_term(entry, concepts)
    everywhere = [*(places.of([subject], asked) if asked else ()), *written(entry, concepts)]
    occurs = [(each, each.found.get(entry.slug)) for each in everywhere]
    before, after = around(entry)
    return {
        "term": entry,
        "body": markup.html_of(entry.text.body),
        "formula": mathml(entry.facts.formula) if entry.facts.formula else "",
        "others": [*other_names(entry)],
        "neighbours": [found for slug in entry.facts.see if (found := glossary.term(slug))],
        "occurs": [(each, found) for each, found in occurs if found and found.number],
        "demo": f"reference/_demo_{entry.facts.demo}.html" if entry.facts.demo else "",
        "before": before,
        "after": after,
    }


def written(entry: Entry[Term], concepts: Iterable[Entry[Concept]]) -> Iterator[Places]:
    """What other entries of the reference say about it."""
    yield Places(
        "concepts",
        _("Index of concepts"),
        {entry.slug: Found([in_index(each) for each in concepts])},
    )
    resources: Iterable[Entry[Resource]] = library()[Kind.RESOURCE].values()
    naming = [each for each in resources if entry.slug in each.facts.terms]
    listed = [Place(each.title, markup.address("resource", each.slug)) for each in naming]
    yield Places("resources", _("Resources"), {entry.slug: Found(listed)})


def in_index(concept: Entry[Concept]) -> Place:
    about = _("Part %(number)s of the book") % {"number": concept.facts.book}
    return Place(concept.title, f"{reverse('reference')}#{concept.slug}", about)


def other_names(entry: Entry[Term]) -> Iterator[OtherName]:
    for language, _name in settings.LANGUAGES:
        text = entry.texts.get(language)
        if text and plain(text.title) != plain(entry.title):
            yield OtherName(language, get_language_info(language)["name_local"], text.title)


def around(entry: Entry[Term]) -> tuple[Entry[Term] | None, Entry[Term] | None]:
    """The terms before and after it."""
    ordered = alphabetical(glossary.terms().values())
    place = [each.slug for each in ordered].index(entry.slug)
    before = ordered[place - 1] if place else None
    return before, ordered[place + 1] if place + 1 < len(ordered) else None


def alphabetical(entries: Iterable[Entry[Any]]) -> list[Entry[Any]]:
    return sorted(entries, key=lambda entry: (plain(entry.title), entry.slug))


def initial(entry: Entry[Any]) -> str:
    first = plain(entry.title)[:1].upper()
    return first if first in ascii_uppercase else "#"


def plain(text: str) -> str:
    """Without accents and capitals: a dictionary sorts by it."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(each for each in apart if not unicodedata.combining(each)).casefold()
