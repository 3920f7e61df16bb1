"""Grams of some rows, to be looked for in the rows of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workers.data.report.arrays import Indices, Mask, differs_from_previous
from workers.data.report.groups import Rows
from workers.data.report.hashing import Hashes

# In memory, with 24 bytes each at most. Of more, those whose hash ends with some zeros: the same
# ones everywhere.
MOST_GRAMS = 20_000_000

_AT_ONCE = 1 << 20


class GramSet:
    """First `add` all, then `close`."""

    def __init__(self, folder: Path, most_grams: int = MOST_GRAMS) -> None:
        folder.mkdir()
        self._grams, self._rows = folder / "grams", folder / "rows"
        self._most_grams = most_grams
        self._written = 0
        self.one_in = 1
        # Different ones, in order.
        self.grams = np.empty(0, dtype=np.uint64)

    def add(self, grams: Hashes, rows: Rows) -> None:
        for path, values in ((self._grams, grams), (self._rows, rows)):
            with path.open("ab") as file:
                file.write(values.tobytes())
        self._written += len(grams)

    def close(self) -> None:
        while self._written > self._most_grams * self.one_in:
            self.one_in *= 2
        # Filled and put in order in place: np.unique takes many times the memory.
        grams = np.empty(sum(len(some) for some, _ in self._records()), dtype=np.uint64)
        filled = 0
        for some, _ in self._records():
            grams[filled : filled + len(some)] = some
            filled += len(some)
        grams.sort()
        self.grams = grams[differs_from_previous(grams)]

    def places(self, grams: Hashes) -> tuple[Indices, Mask]:
        """Where each would be in the order, and whether it is there."""
        return _places(self.grams, grams)

    def rows_with(self, places: Indices) -> Iterator[tuple[Rows, Indices]]:
        """The rows that have some of the grams, each with the place of one; places in order."""
        wanted = self.grams[places]
        for grams, rows in self._records():
            found, are_there = _places(wanted, grams)
            yield rows[are_there], places[found[are_there]]

    def _records(self) -> Iterator[tuple[Hashes, Rows]]:
        """Grams and the rows that they are from."""
        for start in range(0, self._written, _AT_ONCE):
            grams = np.fromfile(self._grams, np.uint64, _AT_ONCE, offset=8 * start)
            rows = np.fromfile(self._rows, np.uint32, _AT_ONCE, offset=4 * start)
            kept = grams % np.uint64(self.one_in) == 0
            yield grams[kept], rows[kept]


def _places(ordered: Hashes, grams: Hashes) -> tuple[Indices, Mask]:
    if not len(ordered):
        return np.zeros(len(grams), dtype=np.int64), np.zeros(len(grams), dtype=np.bool_)
    places = np.searchsorted(ordered, grams)
    places[places == len(ordered)] = 0
    return places, ordered[places] == grams
