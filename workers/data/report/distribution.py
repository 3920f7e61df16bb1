"""How sizes are distributed, in constant memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Sizes below are counted one by one. Above, each doubling has `_STEPS` classes, and a percentile
# is the lower border of its class: at most 1.1 % too small.
_EXACT = 1 << 16
_STEPS = 64
_CLASSES = _EXACT + _STEPS * 40

PERCENTILES = (1, 5, 25, 50, 75, 90, 95, 99)
BINS = 40


class Distribution:
    def __init__(self) -> None:
        self._counts = np.zeros(_CLASSES, dtype=np.int64)
        self._sum = self._max = 0
        self._min: int | None = None

    def add(self, sizes: NDArray[np.int64]) -> None:
        if not len(sizes):
            return
        small, large = sizes[sizes < _EXACT], sizes[sizes >= _EXACT]
        self._counts[:_EXACT] += np.bincount(small, minlength=_EXACT)
        if len(large):
            classes = _EXACT + (np.log2(large / _EXACT) * _STEPS).astype(np.int64)
            self._counts += np.bincount(classes, minlength=_CLASSES)
        self._sum += int(sizes.sum())
        self._max = max(self._max, int(sizes.max()))
        least = int(sizes.min())
        self._min = least if self._min is None else min(self._min, least)

    @property
    def count(self) -> int:
        return int(self._counts.sum())

    @property
    def sum(self) -> int:
        return self._sum

    def above(self, size: int) -> int:
        """How many are larger."""
        return int(self._counts[np.searchsorted(_borders(), size, side="right") :].sum())

    def result(self) -> dict[str, Any]:
        """Of nothing, an empty object."""
        if self._min is None:
            return {}
        return {
            "mean": self._sum / self.count,
            "min": self._min,
            "max": self._max,
            "percentiles": {str(percent): self._percentile(percent) for percent in PERCENTILES},
            "histogram": self._histogram(self._min, self._max),
        }

    def _percentile(self, percent: int) -> int:
        """The least size that so many percent of all do not exceed."""
        rank = -(-self.count * percent // 100)
        found = int(np.searchsorted(np.cumsum(self._counts), rank))
        return min(int(_borders()[found]), self._max)

    def _histogram(self, least: int, most: int) -> dict[str, list[int]]:
        """counts[i] sizes from edges[i] to below edges[i + 1], which grow by a factor."""
        growing = np.geomspace(max(1, least), most + 1, BINS + 1).round().astype(np.int64)
        edges = np.unique([*([0] if least == 0 else []), *growing, most + 1])
        classes = np.searchsorted(_borders(), edges[1:-1])
        bounds = [0, *classes, _CLASSES]
        before = np.concatenate([[0], np.cumsum(self._counts)])
        return {"edges": edges.tolist(), "counts": np.diff(before[bounds]).tolist()}


def _borders() -> NDArray[np.int64]:
    """[classes] of the least size in each."""
    doublings = np.arange(_CLASSES - _EXACT) / _STEPS
    above = np.ceil(_EXACT * np.exp2(doublings) - 1e-6).astype(np.int64)
    return np.concatenate([np.arange(_EXACT), above])
