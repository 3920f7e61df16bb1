"""Fewer points of long curves without losing a spike.

The rows are cut into stretches of equal length; of each, every metric keeps the rows with its
first, lowest, highest and last value and the first that is not finite. What is left is a part
of the real rows, with all their values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llmhub.metrics.codec import Column, Points

MAX_ROWS = 20_000
# Of an answer with many metrics: so many values in all.
MAX_VALUES = 1_000_000

Rows = NDArray[np.intp]


def thinned(points: Points, max_rows: int = MAX_ROWS) -> tuple[Points, bool]:
    """The points, at most `max_rows` rows of them, and whether any were left out."""
    limit = min(max_rows, MAX_VALUES // max(1, len(points.series)))
    if len(points) <= limit:
        return points, False
    stretches = limit // 2
    while stretches > 1:
        rows = _landmarks(points, stretches)
        if len(rows) <= limit:
            return points.take(rows), True
        stretches //= 2
    return points.take(_landmarks(points, 1)), True


def _landmarks(points: Points, stretches: int) -> Rows:
    stretch = np.arange(len(points)) * stretches // len(points)
    kept = np.zeros(len(points), bool)
    for column in points.series.values():
        _keep(kept, column, stretch)
    return np.flatnonzero(kept)


def _keep(kept: NDArray[np.bool_], column: Column, stretch: Rows) -> None:
    present, values = column
    finite = present & np.isfinite(values)
    broken = np.flatnonzero(present & ~finite)
    kept[broken[_firsts(stretch[broken])]] = True
    rows = np.flatnonzero(finite)
    if not len(rows):
        return
    of_row, value = stretch[rows], values[rows]
    starts = _firsts(of_row)
    ends = np.append(starts[1:], len(rows))
    kept[rows[starts]] = kept[rows[ends - 1]] = True
    for extreme in (np.minimum, np.maximum):
        best = np.repeat(extreme.reduceat(value, starts), ends - starts)
        reached = np.flatnonzero(value == best)
        kept[rows[reached[_firsts(of_row[reached])]]] = True


def _firsts(groups: Rows) -> Rows:
    """Where each run of equal numbers begins."""
    if not len(groups):
        return np.zeros(0, np.intp)
    return np.concatenate([[0], np.flatnonzero(np.diff(groups)) + 1])
