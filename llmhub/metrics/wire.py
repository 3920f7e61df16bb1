"""Points as they cross the wire, both ways: shared columns of steps and times, then one a name.

JSON has no word for NaN and the infinities: they travel as strings. null means that a row does
not have the metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from llmhub.lib import metric_names
from llmhub.lib.batches import MAX_NAMES, MAX_ROWS, MAX_STEP, MAX_TIME
from llmhub.metrics.codec import Bools, Column, Floats, Points

Value = float | None | Literal["NaN", "Infinity", "-Infinity"]


class Columns(TypedDict):
    steps: list[int]
    times: list[float]
    series: dict[str, list[Value]]


class BadPoints(ValueError):
    """What is wrong with a batch, in words that begin with the field."""


def read(
    steps: Sequence[int], times: Sequence[float], series: Mapping[str, Sequence[Value]]
) -> Points:
    """The checked points of a batch; raises BadPoints."""
    _check_shape(steps, times, series)
    return Points(
        _steps(steps), _times(times), {name: _column(name, series[name]) for name in series}
    )


def _check_shape(
    steps: Sequence[int], times: Sequence[float], series: Mapping[str, Sequence[Value]]
) -> None:
    if not 1 <= len(steps) <= MAX_ROWS:
        raise BadPoints(f"steps: a batch has 1 to {MAX_ROWS} rows, not {len(steps)}")
    if len(times) != len(steps):
        raise BadPoints(f"times: {len(times)} values beside {len(steps)} steps")
    if not 1 <= len(series) <= MAX_NAMES:
        raise BadPoints(f"series: a batch has 1 to {MAX_NAMES} names, not {len(series)}")
    for name, values in series.items():
        if not metric_names.is_valid(name):
            raise BadPoints(f"series: {name[:250]!r} is not a metric's name")
        if len(values) != len(steps):
            raise BadPoints(f"series.{name}: {len(values)} values beside {len(steps)} steps")


def _steps(steps: Sequence[int]) -> NDArray[np.int64]:
    if min(steps) < 0 or max(steps) > MAX_STEP:
        raise BadPoints(f"steps: each is from 0 to {MAX_STEP}")
    return np.array(steps, np.int64)


def _times(times: Sequence[float]) -> Floats:
    found = np.array(times, np.float64)
    if not ((found >= 0) & (found < MAX_TIME)).all():
        raise BadPoints("times: each is in seconds since 1970")
    return found


def _column(name: str, values: Sequence[Value]) -> Column:
    try:
        # numpy reads the words for NaN and the infinities, and None as NaN.
        found = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise BadPoints(f"series.{name}: not a column of numbers") from None
    present = np.ones(len(values), bool)
    if np.isnan(found).any():
        present = np.array([value is not None for value in values], bool)
        found[~present] = 0.0
    return Column(present, found)


def write(points: Points) -> Columns:
    series = {name: _values(*column) for name, column in points.series.items()}
    return {"steps": points.steps.tolist(), "times": points.times.tolist(), "series": series}


def _values(present: Bools, values: Floats) -> list[Value]:
    found: list[Value] = values.tolist()
    for row in np.flatnonzero(~np.isfinite(values)):
        found[row] = word(values[row])
    for row in np.flatnonzero(~present):
        found[row] = None
    return found


def word(value: float) -> Value:
    """A number as JSON can say it."""
    if math.isfinite(value):
        return float(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
