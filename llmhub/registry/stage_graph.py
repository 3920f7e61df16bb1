"""How the versions of a model went through their stages: a row each, the newest on top.

A column stands for what happened and not for a day: promotions of one hour and those of one year
are equally easy to read. The names beside the rows say the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmhub.registry.models import ModelVersion, Promotion, Stage

# Rows that are drawn; the table below has them all. The height of one, in rem.
MOST, ROW = 20, 2.25
# Of a row's height; one looks different from the other without its colour too.
THICKNESS: dict[str, float] = {Stage.PRODUCTION: 0.5, Stage.CANDIDATE: 0.22, Stage.RETIRED: 0.06}


@dataclass(frozen=True)
class Bar:
    """A version in one stage, from a column to another."""

    stage: str
    row: int
    start: float
    end: float
    since: datetime

    @property
    def label(self) -> str:
        return str(Stage(self.stage).label)

    @property
    def width(self) -> float:
        return self.end - self.start

    @property
    def y(self) -> float:
        return self.row + 0.5 - self.height / 2

    @property
    def height(self) -> float:
        return THICKNESS[self.stage]


@dataclass(frozen=True)
class Swap:
    """A version took the place of another in production."""

    x: float
    top: float
    bottom: float
    is_rollback: bool


@dataclass(frozen=True)
class Graph:
    versions: Sequence[ModelVersion]
    bars: list[Bar]
    swaps: list[Swap]
    columns: int
    more: int

    @property
    def rows(self) -> int:
        return len(self.versions)

    @property
    def height(self) -> float:
        return ROW * self.rows


# What happened to a version: when, which one, the stage it came to, what it replaced.
Event = tuple[datetime, int, str, "Promotion | None"]


def graph(versions: Sequence[ModelVersion], promotions: Iterable[Promotion]) -> Graph:
    """Of versions, the newest first, and all that moved them."""
    shown = [version for version in versions if version.is_ready()]
    more, shown = max(0, len(shown) - MOST), shown[:MOST]
    rows = {version.pk: row for row, version in enumerate(shown)}
    happened = events(shown, [one for one in promotions if one.version_id in rows])
    bars, swaps = drawn(happened, rows)
    return Graph(shown, bars, swaps, len(happened) + 1, more)


def events(versions: Sequence[ModelVersion], promotions: Iterable[Promotion]) -> list[Event]:
    begun: list[Event] = [
        (version.created_at, version.pk, Stage.CANDIDATE, None) for version in reversed(versions)
    ]
    moved: list[Event] = [(one.at, one.version_id, one.after, one) for one in promotions]
    return sorted([*begun, *moved], key=lambda event: (event[0], event[3] is not None))


def drawn(happened: list[Event], rows: dict[int, int]) -> tuple[list[Bar], list[Swap]]:
    bars: list[Bar] = []
    swaps: list[Swap] = []
    # Where each version is now, and since when.
    now: dict[int, tuple[str, float, datetime]] = {}

    def move(pk: int, stage: str, column: float, at: datetime) -> None:
        if pk in now:
            before, start, since = now[pk]
            bars.append(Bar(before, rows[pk], start, column, since))
        now[pk] = (stage, column, at)

    for column, (at, pk, stage, promotion) in enumerate(happened):
        move(pk, stage, column, at)
        replaced = promotion.replaced_id if promotion else None
        if replaced in rows:
            move(replaced, Stage.RETIRED, column, at)
            swaps.append(swap(column, rows[pk], rows[replaced], promotion))
    for pk, (stage, start, since) in now.items():
        bars.append(Bar(stage, rows[pk], start, len(happened) + 1, since))
    return bars, swaps


def swap(column: int, new: int, old: int, promotion: Any) -> Swap:
    return Swap(column, min(new, old) + 0.5, max(new, old) + 0.5, promotion.is_rollback)
