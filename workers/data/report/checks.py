"""What a check of a dataset is: it sees every row once, then says what it found."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from workers.data.report.batches import Batch
from workers.data.report.examples import Example

Figures = dict[str, Any]

EXAMPLES = 5


class Check(Protocol):
    version: int  # raised when the same rows would give other figures

    def add(self, batch: Batch) -> None: ...

    def finish(self) -> Collection[int]:
        """Works out what was found; returns the rows whose text it wants to show."""

    def result(self, texts: Mapping[int, Example]) -> Figures:
        """The figures, and as `method` the numbers that they depend on."""


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
