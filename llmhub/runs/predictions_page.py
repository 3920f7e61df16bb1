"""How good the predictions of what runs need have been."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from llmhub.accounts.models import Project
from llmhub.recipes.cost import Power, cost
from llmhub.runs import needs
from llmhub.runs.models import Prediction
from llmhub.runs.states import State
from llmhub.runs.throughput import Source

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
    """A prediction as the pages show it; energy in watt-hours, with that of the building."""

    prediction: Prediction
    energy: float | None
    actual_energy: float | None
    memory: Ratio | None
    speed: Ratio | None
    time: Ratio | None

    @classmethod
    def of(cls, one: Prediction, power: Power) -> Row:
        return cls(
            one,
            energy(one.watts, one.seconds, power),
            energy(one.watts, one.actual_seconds, power),
            memory_of([one]),
            speed_of([one]),
            time_of([one]),
        )

    @property
    def source(self) -> str:
        return str(Source(self.prediction.speed_source).label)


@dataclass(frozen=True)
class Group:
    device: str
    objective: str
    parameters: int
    runs: int
    memory: Ratio | None
    speed: Ratio | None
    time: Ratio | None


def energy(watts: float | None, seconds: float | None, power: Power) -> float | None:
    """Of a run that is over too: nobody has measured its watts."""
    if watts is None or seconds is None:
        return None
    return cost(seconds, watts, power).watt_hours


def row_of(prediction: Prediction | None) -> Row | None:
    return Row.of(prediction, needs.power()) if prediction else None


def rows(project: Project) -> list[Row]:
    """Of runs that are over, the newest first; one query."""
    found = (
        Prediction.objects.filter(run__project=project, actual_seconds__gt=0)
        .select_related("run")
        .order_by("-pk")[:SHOWN]
    )
    power = needs.power()
    return [Row.of(one, power) for one in found]


def groups(shown: Iterable[Row]) -> list[Group]:
    """By device and model: what is trained, and how many parameters it has."""

    def key(row: Row) -> tuple[str, str, int]:
        one = row.prediction
        return one.device_name, one.run.objective, one.parameters or 0

    found = []
    for kind, members in groupby(sorted(shown, key=key), key=key):
        of = [row.prediction for row in members]
        found.append(Group(*kind, len(of), memory_of(of), speed_of(of), time_of(of)))
    return found


def memory_of(of: Iterable[Prediction]) -> Ratio | None:
    return Ratio.of((one.memory_bytes, one.actual_memory_bytes) for one in of)


def speed_of(of: Iterable[Prediction]) -> Ratio | None:
    return Ratio.of((one.tokens_per_second, one.actual_tokens_per_second) for one in of)


def time_of(of: Iterable[Prediction]) -> Ratio | None:
    """A run that did not come to its end says nothing of how long all of it takes."""
    return Ratio.of(
        (one.seconds, one.actual_seconds) for one in of if one.run.state == State.SUCCEEDED
    )
