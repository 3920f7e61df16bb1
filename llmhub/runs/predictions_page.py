"""How good the predictions of what runs need have been."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from llmhub.accounts.models import Project
from llmhub.runs.models import Prediction
from llmhub.runs.needs import Source

SHOWN = 100


@dataclass(frozen=True)
class Ratio:
    """Actual by predicted, over several runs: 1 is right, 2 took twice as much."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, pairs: Iterable[tuple[float | None, float | None]]) -> Ratio | None:
        found = [actual / predicted for predicted, actual in pairs if predicted and actual]
        return cls(statistics.median(found), min(found), max(found)) if found else None


@dataclass(frozen=True)
class Row:
    prediction: Prediction
    memory: Ratio | None
    speed: Ratio | None
    time: Ratio | None

    @property
    def source(self) -> str:
        return str(Source(self.prediction.speed_source).label)


@dataclass(frozen=True)
class Group:
    device: str
    objective: str
    runs: int
    memory: Ratio | None
    speed: Ratio | None
    time: Ratio | None


def rows(project: Project) -> list[Row]:
    """Of runs that are over, the newest first; one query."""
    found = (
        Prediction.objects.filter(run__project=project, actual_seconds__gt=0)
        .select_related("run")
        .order_by("-pk")[:SHOWN]
    )
    return [Row(one, memory_of([one]), speed_of([one]), time_of([one])) for one in found]


def groups(shown: Iterable[Row]) -> list[Group]:
    def key(row: Row) -> tuple[str, str]:
        return row.prediction.device_name, row.prediction.run.objective

    found = []
    for (device, objective), members in groupby(sorted(shown, key=key), key=key):
        of = [row.prediction for row in members]
        found.append(Group(device, objective, len(of), memory_of(of), speed_of(of), time_of(of)))
    return found


def memory_of(of: Iterable[Prediction]) -> Ratio | None:
    return Ratio.of((one.memory_bytes, one.actual_memory_bytes) for one in of)


def speed_of(of: Iterable[Prediction]) -> Ratio | None:
    return Ratio.of((one.tokens_per_second, one.actual_tokens_per_second) for one in of)


def time_of(of: Iterable[Prediction]) -> Ratio | None:
    return Ratio.of((one.seconds, one.actual_seconds) for one in of)
