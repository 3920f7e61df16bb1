"""Points as they cross the wire, both ways: shared columns of steps and times, then one a name.

JSON has no word for NaN and the infinities: they travel as strings. null means that a row does
not have the metric.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypedDict

import numpy as np

from llmhub.lib import metric_names
from llmhub.lib.batches import (
    MAX_NAMES,
    MAX_ROWS,
    MAX_SAFE_STEP,
    MAX_STEP,
    MAX_TIME,
    MAX_VALUES,
)
from llmhub.lib.json_floats import word
from llmhub.metrics.codec import Bools, Column, Floats, Ints, Points

Value = float | None | Literal["NaN", "Infinity", "-Infinity"]


class Columns(TypedDict):
    steps: list[int | str]
    times: list[float]
    series: dict[str, list[Value]]


class BadPoints(ValueError):
    """What is wrong with a batch, in words that begin with the field."""

    @property
    def field(self) -> str:
        return str(self).partition(":")[0]


class TooLarge(BadPoints):
    """Right in itself; in smaller batches it will be taken."""


def read(
    steps: Sequence[int], times: Sequence[float], series: Mapping[str, Sequence[Value]]
) -> Points:
    """The checked points of a batch; raises BadPoints."""
    check_size(len(steps), series)
    if len(times) != len(steps):
        raise BadPoints(f"times: {len(times)} values beside {len(steps)} steps")
    for name, values in series.items():
        if len(values) != len(steps):
            raise BadPoints(f"series.{name}: {len(values)} values beside {len(steps)} steps")
    if max(steps) > MAX_STEP:
        raise BadPoints(BAD_STEPS)
    columns = {name: _column(name, series[name]) for name in series}
    return checked(Points(np.array(steps, np.int64), np.array(times, np.float64), columns))


BAD_STEPS = f"steps: each is from 0 to {MAX_STEP}"


def check_size(rows: int, names: Collection[str]) -> None:
    """How many rows, and which names; said before anything is made of them."""
    if rows > MAX_ROWS:
        raise TooLarge(f"steps: a batch has 1 to {MAX_ROWS} rows, not {rows}")
    if rows < 1:
        raise BadPoints(f"steps: a batch has 1 to {MAX_ROWS} rows, not {rows}")
    if not 1 <= len(names) <= MAX_NAMES:
        raise BadPoints(f"series: a batch has 1 to {MAX_NAMES} names, not {len(names)}")
    if rows * len(names) > MAX_VALUES:
        raise TooLarge(f"series: more than {MAX_VALUES} values")
    for name in names:
        if not metric_names.is_valid(name):
            raise BadPoints(f"series: {name[:250]!r} is not a metric's name")


def checked(points: Points) -> Points:
    if points.steps.min() < 0:
        raise BadPoints(BAD_STEPS)
    if not ((points.times >= 0) & (points.times < MAX_TIME)).all():
        raise BadPoints("times: each is in seconds since 1970")
    return points


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
    return {"steps": told(points.steps), "times": points.times.tolist(), "series": series}


def told(steps: Ints) -> list[int | str]:
    """Steps as JavaScript reads them right."""
    found: list[int | str] = steps.tolist()
    for row in np.flatnonzero(steps > MAX_SAFE_STEP):
        found[row] = str(found[row])
    return found


def words(values: Floats) -> list[Value]:
    """Numbers as JSON can say them."""
    found: list[Value] = values.tolist()
    for row in np.flatnonzero(~np.isfinite(values)):
        found[row] = word(values[row])
    return found


def _values(present: Bools, values: Floats) -> list[Value]:
    found = words(values)
    for row in np.flatnonzero(~present):
        found[row] = None
    return found
