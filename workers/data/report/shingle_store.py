"""The shingles of all rows on disk, for the exact similarity of the few pairs that may be alike."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.data.report.arrays import Indices, differs_from_previous, ranges
from workers.data.report.groups import Rows
from workers.data.report.minhash import Shingles

_AT_ONCE = 1 << 20  # shingles that are compared at once

_HALF = np.uint64(32)


class ShingleStore:
    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._shingles, self._ends = folder / "shingles", folder / "ends"
        self._shingles.touch()
        self._written = 0

    def add(self, shingles: Shingles, first: Indices) -> None:
        with self._shingles.open("ab") as file:
            file.write(shingles.tobytes())
        with self._ends.open("ab") as file:
            file.write((first[1:] + self._written).tobytes())
        self._written += len(shingles)

    def similarity(self, some: Rows, others: Rows) -> NDArray[np.float64]:
        """Jaccard similarity of the shingle sets of rows some[i] and others[i]."""
        found = np.zeros(len(some))
        if not len(some):
            return found
        starts, ends = self._spans(np.concatenate([some, others]))
        for part in _parts((ends - starts).reshape(2, -1).sum(axis=0)):
            found[part] = self._similarity(some[part], others[part])
        return found

    def _spans(self, rows: Rows) -> tuple[Indices, Indices]:
        ends = np.memmap(self._ends, dtype=np.int64, mode="r")
        starts = np.where(rows > 0, ends[rows.astype(np.int64) - 1], 0)
        return starts, np.asarray(ends[rows])

    def _similarity(self, some: Rows, others: Rows) -> NDArray[np.float64]:
        rows, position = np.unique(np.concatenate([some, others]), return_inverse=True)
        values, sizes = self._sets(rows)
        starts = np.cumsum(sizes) - sizes
        members = []
        for of in np.split(position, 2):
            pairs = np.repeat(np.arange(len(of), dtype=np.uint64), sizes[of])
            members.append(pairs << _HALF | values[ranges(starts[of], sizes[of])])
        together = np.concatenate(members)
        together.sort()
        equal = together[1:][together[1:] == together[:-1]] >> _HALF
        shared = np.bincount(equal.astype(np.int64), minlength=len(some))
        of_some, of_others = (sizes[of] for of in np.split(position, 2))
        return np.asarray(shared / np.maximum(1, of_some + of_others - shared))

    def _sets(self, rows: Rows) -> tuple[NDArray[np.uint64], Indices]:
        """The different shingles of each row, one row behind the other, and how many."""
        starts, ends = self._spans(rows)
        # Mapped anew each time: what was read does not stay in the memory of the process.
        shingles = np.memmap(self._shingles, dtype=np.uint32, mode="r")
        of = np.repeat(np.arange(len(rows), dtype=np.uint64), ends - starts)
        values = of << _HALF | shingles[ranges(starts, ends - starts)]
        values.sort()
        values = values[differs_from_previous(values)]
        sizes = np.bincount((values >> _HALF).astype(np.int64), minlength=len(rows))
        return values & np.uint64(0xFFFFFFFF), sizes


def _parts(sizes: Indices) -> Iterator[slice]:
    """Pairs in succession with about as many shingles as are compared at once."""
    bounds = np.cumsum(sizes) // _AT_ONCE
    borders = [0, *(np.flatnonzero(np.diff(bounds)) + 1), len(sizes)]
    for start, end in pairwise(borders):
        yield slice(start, end)
