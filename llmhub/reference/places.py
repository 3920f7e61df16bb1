"""Where concepts and terms live in the hub, asked of the apps above.

settings.REFERENCE_PLACES names functions by dotted path. A page calls each of them once, for
everything that stands on it together: so its queries do not grow with what it lists.

    def models(subjects: Sequence[Subject], asked: Asked) -> Places:
        return Places("models", _("Models"), {subject.slug: Found(...) for subject in subjects})

A subject that is not in the answer lives nowhere there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from llmhub.accounts.models import Project, User
from llmhub.reference import glossary
from llmhub.reference.entries import Concept, Entry, Slugs, Term


@dataclass(frozen=True)
class Subject:
    """A concept or a term, with all by which the apps above know it."""

    slug: str
    # Its own as a term, and those of the glossary that explain it.
    terms: Slugs = ()
    # Its own as a concept; of a term: the concepts that it explains.
    concepts: Slugs = ()
    fields: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    tracks: Slugs = ()
    # A filter of the table of runs.
    runs: str = ""


@dataclass(frozen=True)
class Asked:
    """For whom: what they may not see does not count."""

    user: User
    project: Project


@dataclass(frozen=True)
class Place:
    title: str
    # Empty: it has no page of its own.
    url: str = ""
    # What it is a part of, or what it says.
    about: str = ""


@dataclass(frozen=True)
class Found:
    """The places of one subject: named one by one, or counted where they may be many."""

    places: Sequence[Place] = ()
    count: int | None = None
    # A page that shows all of them.
    url: str = ""

    @property
    def number(self) -> int:
        return len(self.places) if self.count is None else self.count

    @property
    def left(self) -> int:
        """Those that are not named."""
        return self.number - len(self.places)


@dataclass(frozen=True)
class Places:
    # For a style or a test to hold on to.
    name: str
    title: str | Promise
    # By the slug of the subject.
    found: Mapping[str, Found]
    # Whether the index of concepts has a column for it; else it stands below what a concept is.
    is_column: bool = field(default=True, kw_only=True)


Provider = Callable[[Sequence[Subject], Asked], Places]


def providers() -> list[Provider]:
    """Raises ImproperlyConfigured where a path names nothing that can be asked."""
    return [provider(path) for path in settings.REFERENCE_PLACES]


def provider(path: str) -> Provider:
    try:
        found = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"REFERENCE_PLACES names {path}: {error}") from error
    if not callable(found):
        raise ImproperlyConfigured(f"REFERENCE_PLACES names {path}, which is no function.")
    return found  # type: ignore[no-any-return]


def of(subjects: Sequence[Subject], asked: Asked) -> list[Places]:
    return [ask(subjects, asked) for ask in providers()]


def of_concept(entry: Entry[Concept]) -> Subject:
    """A concept lives where its term does, and in places of its own."""
    facts = entry.facts
    term = glossary.term(facts.term)
    own = term.facts if term else Term()
    return Subject(
        entry.slug,
        terms=(facts.term,) if facts.term else (),
        concepts=(entry.slug,),
        fields=once(own.fields, facts.fields),
        metrics=once(own.metrics, facts.metrics),
        items=once(own.items, facts.items),
        tracks=facts.tracks,
        runs=facts.runs,
    )


def of_term(entry: Entry[Term], concepts: Iterable[Entry[Concept]]) -> Subject:
    """A term that explains a concept lives where the concept does too."""
    its = [of_concept(concept) for concept in concepts if concept.facts.term == entry.slug]
    return Subject(
        entry.slug,
        terms=(entry.slug,),
        concepts=tuple(concept.slug for concept in its),
        fields=once(entry.facts.fields, *(concept.fields for concept in its)),
        metrics=once(entry.facts.metrics, *(concept.metrics for concept in its)),
        items=once(entry.facts.items, *(concept.items for concept in its)),
        tracks=once(*(concept.tracks for concept in its)),
        runs=next((concept.runs for concept in its if concept.runs), ""),
    )


def once(*names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for several in names for name in several))
