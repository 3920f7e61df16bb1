"""A block: some thousand rows of one attempt in the order of their steps, a frame a metric.

    head     steps (int64) and times (the bits of float64, as whole numbers: they grow evenly)
    and for each name, in its order:
    column   which rows have it, and the values of those

`ends` says where the head and each column end, so that one metric is read without the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from llmhub.metrics import frames
from llmhub.metrics.codec import Bools, Buffer, Column, Floats, Ints, Packed, Points, concatenate

ROWS = 4096
# With many names a block has fewer rows, so that no piece of work is large.
MAX_VALUES = 2_000_000


def pack(points: Points) -> Packed:
    head = frames.pack([points.steps, points.times.view("<i8")])
    columns = [_packed(column) for column in points.series.values()]
    parts = [head, *columns]
    return Packed(list(points.series), list(accumulate(map(len, parts))), b"".join(parts))


def _packed(column: Column) -> bytes:
    values = column.values[column.present]
    return frames.pack([column.present, np.where(np.isnan(values), np.nan, values)])


def unpack(data: Buffer, names: Sequence[str]) -> Points:
    """From the head and the columns of `names`; of no other ones, if only those were read."""
    found = frames.unpack_all(data)
    steps, times = next(found)
    series = {name: _column(*next(found)) for name in names}
    return Points(steps, times.view("f8"), series)


def _column(present: Bools, held: Floats) -> Column:
    if len(held) == len(present):
        return Column(present, held)
    values = np.zeros(len(present))
    values[present] = held
    return Column(present, values)


def joined(parts: Sequence[Points]) -> Points:
    """Blocks of one attempt in their order: no step is in two of them."""
    if len(parts) == 1:
        return parts[0]
    return concatenate(parts, list(dict.fromkeys(name for part in parts for name in part.series)))


def capacity(names: int) -> int:
    return max(64, min(ROWS, MAX_VALUES // max(1, names)))


def cut(points: Points) -> Iterator[Points]:
    """Blocks in the order of the steps; rows of one step stay together."""
    start, most = 0, capacity(len(points.series))
    while start < len(points):
        end = _edge(points.steps, start, start + most)
        yield points.take(slice(start, end))
        start = end


def _edge(steps: Ints, start: int, end: int) -> int:
    if end >= len(steps):
        return len(steps)
    before = int(np.searchsorted(steps, steps[end], "left"))
    return before if before > start else int(np.searchsorted(steps, steps[end], "right"))
