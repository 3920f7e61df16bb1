"""What an entry of the reference says: facts that hold in every language, and its texts in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from django.utils.translation import get_language
from pydantic import BaseModel, ConfigDict, Field

# Of whom every fact is told first; what another language lacks is shown in this one.
FIRST = "en"
Slugs = tuple[str, ...]


class Kind(StrEnum):
    """The folders of content/."""

    TERM = "glossary"
    TRACK = "tracks"
    RESOURCE = "resources"
    CONCEPT = "concepts"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Strict):
    """What one language says."""

    title: str = Field(min_length=1, max_length=120)
    # One or two sentences without markup: popovers, lists and search results show them.
    short: str = Field(min_length=1, max_length=300)
    # Other names under which people look for it.
    aliases: tuple[str, ...] = ()
    # Markdown; [text](term:slug) opens a term, $x$ is a formula.
    body: str = ""


class Facts(Strict):
    # Where the book has it: the name of a term, the number of a section or part; empty: ours.
    book: str = ""


class Term(Facts):
    # LaTeX, typeset as MathML.
    formula: str = ""
    # Neighbours: slugs of other terms.
    see: Slugs = ()
    # Where it occurs: dotted names of recipe fields, names of metrics, template/item of checklists.
    fields: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    # What can be tried on its page.
    demo: Literal["", "schedule", "perplexity", "sampling", "bpe"] = ""


class Track(Facts):
    position: int
    terms: Slugs = ()
    resources: Slugs = ()


class Resource(Facts):
    url: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?$")
    purpose: Literal["course", "training", "inference", "tools", "paper", "conference", "community"]
    # Of a paper.
    authors: str = ""
    year: int | None = None
    terms: Slugs = ()


class Concept(Facts):
    # The term or the resource that explains it.
    term: str = ""
    resource: str = ""
    # Where it lives beside the places of its term.
    fields: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    tracks: Slugs = ()
    # A filter of the table of runs; the recipes are those whose values fit it too.
    runs: str = ""


FACTS: Mapping[Kind, type[Facts]] = {
    Kind.TERM: Term,
    Kind.TRACK: Track,
    Kind.RESOURCE: Resource,
    Kind.CONCEPT: Concept,
}

F = TypeVar("F", bound=Facts)


@dataclass(frozen=True)
class Entry(Generic[F]):
    kind: Kind
    slug: str
    facts: F
    # By language.
    texts: Mapping[str, Text]

    @property
    def text(self) -> Text:
        """In the language of the page, or in the first one."""
        language = (get_language() or FIRST).partition("-")[0]
        return self.texts.get(language) or self.texts[FIRST]

    @property
    def title(self) -> str:
        return self.text.title

    @property
    def short(self) -> str:
        return self.text.short


def facts_of(kind: Kind, values: Mapping[str, Any]) -> Facts:
    return FACTS[kind].model_validate(values)
