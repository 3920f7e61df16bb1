"""Asks the sources: one query for what is shown, one that counts, whatever is found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.db import connection
from django.utils.translation import get_language

from llmhub.accounts.models import Membership, Project
from llmhub.search.sources import SOURCES, Source
from llmhub.search.typed import Typed

# Of a kind so many are counted; where there are more, the page says so.
COUNTED = 1_000
# The beginning of a text, in which the match is looked for that is shown.
TEXT_SHOWN = 20_000


@dataclass(frozen=True)
class Seen:
    """What a person may see: the projects that they are in, the one they look at first of all."""

    projects: dict[int, Project]
    current: int

    @classmethod
    def by(cls, memberships: Iterable[Membership], current: Project) -> Self:
        return cls({place.project_id: place.project for place in memberships}, current.pk)

    def elsewhere(self, project: int | None) -> Project | None:
        """The project of a row, where it is another one than that looked at."""
        return None if project in {None, self.current} else self.projects[project or 0]

    def values(self) -> dict[str, Any]:
        language = (get_language() or "en").partition("-")[0]
        return {
            "projects": list(self.projects),
            "current": self.current,
            "language": language,
        }


@dataclass(frozen=True)
class Hit:
    kind: str
    id: int
    title: str
    facts: dict[str, Any]
    text: str
    # What else was searched: shown where only this has the match.
    more: str
    # None: of the project looked at, or everyone's.
    elsewhere: Project | None
    tier: int


def find(
    seen: Seen,
    typed: Typed,
    most: int,
    offset: int = 0,
    sources: Sequence[Source] = SOURCES,
) -> list[Hit]:
    """Of each source the best so many."""
    if not typed:
        return []
    values = seen.values() | matching(typed) | {"most": most, "offset": offset}
    return hits(seen, [asked(source, source.where, source.tier) for source in sources], values)


def opened(seen: Seen, items: Sequence[tuple[str, int]]) -> list[Hit]:
    """These things in this order, as far as they are there to be seen."""
    by_kind: dict[str, list[int]] = {}
    for kind, key in items:
        by_kind.setdefault(kind, []).append(key)
    sources = [source for source in SOURCES if source.kind in by_kind]
    if not sources:
        return []
    values = seen.values() | {"most": len(items), "offset": 0}
    values |= {f"ids_of_{kind}": keys for kind, keys in by_kind.items()}
    parts = [
        asked(source, f"{source.id} = ANY(%(ids_of_{source.kind})s) AND {source.seen}", "0")
        for source in sources
    ]
    found = {(hit.kind, hit.id): hit for hit in hits(seen, parts, values)}
    return [found[item] for item in items if item in found]


def counts(seen: Seen, typed: Typed) -> dict[str, int]:
    """How many each kind has, up to one more than are counted."""
    if not typed:
        return {}
    parts = [
        f"SELECT '{source.kind}', count(*) FROM"
        f" (SELECT FROM {source.rows} WHERE {source.where} LIMIT {COUNTED + 1}) AS one"
        for source in SOURCES
    ]
    values = seen.values() | matching(typed)
    return {kind: count for kind, count in rows_of(" UNION ALL ".join(parts), values) if count}


def asked(source: Source, where: str, tier: str) -> str:
    """The rows of a source in their order: found first, and only then read."""
    return f"""(
        SELECT place, '{source.kind}', {source.id}, {source.title}, {source.facts},
            left({source.text}, {TEXT_SHOWN}), left({source.more}, {TEXT_SHOWN}),
            {source.project}, tier
        FROM {source.rows} JOIN (
            SELECT row_number() OVER () AS place, one.* FROM (
                SELECT {source.id} AS found, {tier} AS tier FROM {source.rows} WHERE {where}
                ORDER BY tier, {source.project} IS DISTINCT FROM %(current)s, {source.order}, found
                LIMIT %(most)s OFFSET %(offset)s
            ) AS one
        ) AS best ON {source.id} = found
    )"""


def matching(typed: Typed) -> dict[str, str]:
    return {
        "plain": typed.plain,
        "query": typed.query,
        "titles": typed.titles,
        "some": typed.some,
    }


def hits(seen: Seen, parts: Sequence[str], values: dict[str, Any]) -> list[Hit]:
    order = {source.kind: place for place, source in enumerate(SOURCES)}
    rows = rows_of(" UNION ALL ".join(parts), values)
    # The database may take the parts of a union in any order.
    rows.sort(key=lambda row: (order[row[1]], row[0]))
    return [
        Hit(
            kind,
            key,
            title,
            json.loads(facts),
            text or "",
            more or "",
            seen.elsewhere(project),
            tier,
        )
        for _, kind, key, title, facts, text, more, project, tier in rows
    ]


def rows_of(sql: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[Any] = cursor.fetchall()
        return rows
