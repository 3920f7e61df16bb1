"""What was found, as it is shown: by kind, with its matches marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.utils.safestring import SafeString

from llmhub.search import kinds
from llmhub.search.finding import Hit
from llmhub.search.marks import excerpt, has_match, marked
from llmhub.search.typed import Typed


@dataclass(frozen=True)
class Result:
    # As the browser remembers what was opened.
    key: str
    url: str
    title: SafeString
    excerpt: SafeString
    detail: str
    # The name of its project, where that is another one than the current one.
    project: str


@dataclass(frozen=True)
class Group:
    kind: str
    title: str
    results: list[Result]


def groups(hits: Sequence[Hit], typed: Typed) -> list[Group]:
    """Kinds that have just this name come first; otherwise they stand in one order."""
    by_kind = [(kind, list(found)) for kind, found in groupby(hits, key=lambda hit: hit.kind)]
    by_kind.sort(key=lambda each: min(hit.tier for hit in each[1]))
    return [Group(kind, str(kinds.TITLES[kind]), results(found, typed)) for kind, found in by_kind]


def results(hits: Sequence[Hit], typed: Typed) -> list[Result]:
    return [
        Result(
            key=f"{hit.kind}-{hit.id}",
            url=kinds.address(hit),
            title=marked(hit.title, typed),
            excerpt=excerpt(telling(hit, typed), typed),
            detail=kinds.detail(hit),
            project=str(hit.elsewhere or ""),
        )
        for hit in hits
    ]


def telling(hit: Hit, typed: Typed) -> str:
    """The text that shows why it was found; in another language, where only that has the words."""
    is_shown = has_match(hit.title, typed) or has_match(hit.text, typed)
    return hit.text if is_shown or not has_match(hit.more, typed) else hit.more
