"""Buckets: what is drawn in place of points where a curve has more points than the page has pixels.

A bucket is a stretch of one metric's points of one attempt. It knows its extremes and the steps
at which they were reached, so that no spike is lost however many points a bucket stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmhub.metrics import frames
from llmhub.metrics.codec import Buffer, Floats, Ints

Rows = NDArray[np.intp]

# Points in a bucket of the first level; each higher one holds four of the level below. A bucket
# never reaches into another block: when a block is written anew, only its own buckets are.
FIRST, FACTOR, TOP = 64, 4, 4


def size(level: int) -> int:
    return int(FIRST * FACTOR ** (level - 1))


@dataclass(frozen=True)
class Buckets:
    """Columns of equal length. Extremes, last and sum are of the finite values: NaN without any."""

    first_steps: Ints
    last_steps: Ints
    # Of the last point.
    times: Floats
    min: Floats
    min_steps: Ints
    max: Floats
    max_steps: Ints
    last: Floats
    sum: Floats
    # Of finite values, and of the others.
    count: Ints
    not_finite: Ints

    def __len__(self) -> int:
        return len(self.first_steps)

    def take(self, rows: Any) -> Buckets:
        return Buckets(*(column[rows] for column in self.columns()))

    def columns(self) -> list[Any]:
        return [getattr(self, field.name) for field in fields(self)]

    @property
    def points(self) -> int:
        return int(self.count.sum() + self.not_finite.sum())

    @property
    def mean(self) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return np.where(self.count > 0, self.sum / self.count, np.nan)


def empty() -> Buckets:
    return of_points(np.zeros(0, "i8"), np.zeros(0), np.zeros(0), np.zeros(0, np.intp))


def every(count: int, size: int) -> Rows:
    """Where buckets of `size` begin."""
    return np.arange(0, count, size)


def of_points(steps: Ints, times: Floats, values: Floats, starts: Rows) -> Buckets:
    """The points are in the order of their steps; `starts`: where each bucket begins."""
    if not len(starts):
        return _nothing()
    finite = np.isfinite(values)
    ends = np.append(starts[1:], len(steps))
    count = np.add.reduceat(finite, starts, dtype="i8")
    low = _extreme(np.minimum, np.where(finite, values, np.inf), steps, starts, ends)
    high = _extreme(np.maximum, np.where(finite, values, -np.inf), steps, starts, ends)
    last = np.maximum.reduceat(np.where(finite, np.arange(len(steps)), -1), starts)
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduceat(np.where(finite, values, 0.0), starts)
    has = count > 0
    return Buckets(
        first_steps=steps[starts],
        last_steps=steps[ends - 1],
        times=times[ends - 1],
        min=np.where(has, low[0], np.nan),
        min_steps=low[1],
        max=np.where(has, high[0], np.nan),
        max_steps=high[1],
        last=np.where(has, values[last], np.nan),
        sum=np.where(has, total, np.nan),
        count=count,
        not_finite=ends - starts - count,
    )


def _nothing() -> Buckets:
    kinds = {"Ints": "i8", "Floats": "f8"}
    return Buckets(*(np.zeros(0, kinds[str(field.type)]) for field in fields(Buckets)))


def _extreme(
    best_of: np.ufunc, values: Floats, steps: Ints, starts: Rows, ends: Rows
) -> tuple[Floats, Ints]:
    """The best value of each bucket, and the first step that has it."""
    best = best_of.reduceat(values, starts)
    reached = np.flatnonzero(values == np.repeat(best, ends - starts))
    return best, steps[reached[np.searchsorted(reached, starts)]]


def merged(buckets: Buckets, starts: Rows) -> Buckets:
    """Buckets of buckets; `starts`: the first one of each."""
    if not len(starts):
        return buckets.take(slice(0))
    ends = np.append(starts[1:], len(buckets))
    count = np.add.reduceat(buckets.count, starts)
    has = buckets.count > 0
    lows, highs = (
        np.where(has, buckets.min, np.inf),
        np.where(has, buckets.max, -np.inf),
    )
    low = _extreme(np.minimum, lows, buckets.min_steps, starts, ends)
    high = _extreme(np.maximum, highs, buckets.max_steps, starts, ends)
    last = np.maximum.reduceat(np.where(has, np.arange(len(buckets)), -1), starts)
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.add.reduceat(np.where(has, buckets.sum, 0.0), starts)
    some = count > 0
    return Buckets(
        first_steps=buckets.first_steps[starts],
        last_steps=buckets.last_steps[ends - 1],
        times=buckets.times[ends - 1],
        min=np.where(some, low[0], np.nan),
        min_steps=low[1],
        max=np.where(some, high[0], np.nan),
        max_steps=high[1],
        last=np.where(some, buckets.last[last], np.nan),
        sum=np.where(some, total, np.nan),
        count=count,
        not_finite=np.add.reduceat(buckets.not_finite, starts),
    )


def coarser(buckets: Buckets, factor: int) -> Buckets:
    return merged(buckets, every(len(buckets), factor))


def each(steps: Ints, times: Floats, values: Floats) -> Buckets:
    """Every point as a bucket of its own."""
    finite = np.isfinite(values)
    known = np.where(finite, values, np.nan)
    count = finite.astype("i8")
    return Buckets(steps, steps, times, known, steps, known, steps, known, known, count, 1 - count)


def concatenate(parts: Sequence[Buckets]) -> Buckets:
    parts = [part for part in parts if len(part)]
    if not parts:
        return _nothing()
    if len(parts) == 1:
        return parts[0]
    return Buckets(
        *(np.concatenate(same) for same in zip(*(part.columns() for part in parts), strict=True))
    )


def pack(buckets: Buckets) -> bytes:
    """Steps inside a bucket as what they exceed its first by: small numbers."""
    first, *rest = buckets.columns()
    last, times, low, low_steps, high, high_steps, newest, total, count, not_finite = rest
    above = (last - first, low_steps - first, high_steps - first)
    whole = [first, *above, times.view("<i8"), count, not_finite]
    return frames.pack([*whole, low, high, newest, total])


def unpack(data: Buffer) -> Buckets:
    found: list[Any] = frames.unpack(data)
    first, last, low_steps, high_steps, times, count, not_finite, low, high, newest, total = found
    return Buckets(
        first_steps=first,
        last_steps=first + last,
        times=times.view("f8"),
        min=low,
        min_steps=first + low_steps,
        max=high,
        max_steps=first + high_steps,
        last=newest,
        sum=total,
        count=count,
        not_finite=not_finite,
    )
