"""Which rows belong together, found out pair by pair; the first row of a group stands for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.data.report.arrays import Mask

Rows = NDArray[np.uint32]


class Groups:
    """Union-find over the rows, in a file: [rows] of the row that each leads to."""

    def __init__(self, path: Path, rows: int) -> None:
        self._leads_to = np.memmap(path, dtype=np.uint32, mode="w+", shape=max(1, rows))[:rows]
        self._leads_to[:] = np.arange(rows, dtype=np.uint32)

    def first(self, rows: Rows) -> Rows:
        """The first row of the group of each."""
        found = self._leads_to[rows]
        while True:
            further = self._leads_to[found]
            if np.array_equal(further, found):
                self._leads_to[rows] = found
                return np.asarray(found)
            found = further

    def join(self, some: Rows, others: Rows) -> None:
        """Puts some[i] and others[i] into one group."""
        while True:
            a, b = self.first(some), self.first(others)
            differ = a != b
            if not differ.any():
                return
            low, high = np.minimum(a, b)[differ], np.maximum(a, b)[differ]
            np.minimum.at(self._leads_to, high, low)
            some, others = some[differ], others[differ]

    def repeats(self) -> Mask:
        """[rows]: whether an earlier row stands for this one."""
        own = np.arange(len(self._leads_to), dtype=np.uint32)
        return np.asarray(self._leads_to != own)
