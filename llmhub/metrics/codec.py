"""Points as arrays, and the bytes of `Batch.data`.

    steps    rows x int64, little-endian like all that follows
    times    rows x float64, seconds since 1970
    and for each name of `Batch.names`, in its order:
    present  ceil(rows / 8) bytes, one bit a row, the first row in the highest bit
    values   rows x float64; zero where there is none

So a column's place follows from the number of rows and the position of its name, and one
column is read without the others. NaN is stored as the one quiet NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Buffer = bytes | memoryview


class Column(NamedTuple):
    """One metric's values beside the steps; `present` is false in rows that do not have it."""

    present: Bools
    values: Floats


class Packed(NamedTuple):
    """Bytes of a batch or a block; `ends`: where steps and times end, then each column."""

    names: list[str]
    ends: list[int]
    data: bytes


@dataclass(frozen=True)
class Points:
    """Rows in the order in which they were logged."""

    steps: Ints
    times: Floats
    series: dict[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.steps)

    def take(self, rows: NDArray[np.intp] | Bools | slice) -> Points:
        columns = {
            name: Column(present[rows], values[rows])
            for name, (present, values) in self.series.items()
        }
        return Points(self.steps[rows], self.times[rows], columns)


def empty() -> Points:
    return Points(np.zeros(0, "<i8"), np.zeros(0, "<f8"))


def encode(points: Points) -> bytes:
    parts = [points.steps.astype("<i8").tobytes(), points.times.astype("<f8").tobytes()]
    for present, values in points.series.values():
        plain = np.where(np.isnan(values), np.nan, values)
        parts += [np.packbits(present).tobytes(), np.where(present, plain, 0.0).tobytes()]
    return b"".join(parts)


def packed(points: Points) -> Packed:
    rows, names = len(points), list(points.series)
    column = -(-rows // 8) + 8 * rows
    ends = [16 * rows + column * place for place in range(len(names) + 1)]
    return Packed(names, ends, encode(points))


def decode(data: bytes, rows: int, names: Sequence[str]) -> Points:
    return decode_alike([data], rows, names, names)


def decode_alike(
    blobs: Sequence[Buffer], rows: int, names: Sequence[str], wanted: Iterable[str]
) -> Points:
    """The wanted columns of batches with equal numbers of rows and equal names, joined."""
    table = np.frombuffer(b"".join(blobs), "u1").reshape(len(blobs), -1)
    bits = -(-rows // 8)

    def numbers(kind: str, start: int) -> NDArray[np.generic]:
        part = np.ascontiguousarray(table[:, start : start + 8 * rows])
        return part.view(kind).reshape(-1)

    def column(position: int) -> Column:
        start = 16 * rows + position * (bits + 8 * rows)
        packed = table[:, start : start + bits]
        present = np.unpackbits(packed, axis=1, count=rows).astype(bool).reshape(-1)
        return Column(present, numbers("<f8", start + bits).astype("f8"))

    places = {name: position for position, name in enumerate(names)}
    series = {name: column(places[name]) for name in wanted if name in places}
    steps, times = numbers("<i8", 0), numbers("<f8", 8 * rows)
    return Points(steps.astype("i8"), times.astype("f8"), series)


def concatenate(parts: Sequence[Points], names: Sequence[str]) -> Points:
    """One after another; a part that lacks a name has none of its values."""
    if not parts:
        return empty()
    return Points(
        np.concatenate([part.steps for part in parts]),
        np.concatenate([part.times for part in parts]),
        {name: _joined(parts, name) for name in names},
    )


def _joined(parts: Sequence[Points], name: str) -> Column:
    columns = [part.series.get(name) or _absent(len(part)) for part in parts]
    return Column(
        np.concatenate([column.present for column in columns]),
        np.concatenate([column.values for column in columns]),
    )


def _absent(rows: int) -> Column:
    return Column(np.zeros(rows, bool), np.zeros(rows))
