"""Grams of some rows, to be looked for in the rows of others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workers.data.arrays import Indices, Mask
from workers.data.groups import Rows
from workers.data.hashing import Hashes

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
        kept = [grams for grams, _ in self.records()]
        self.grams = np.unique(np.concatenate([self.grams, *kept]))

    def places(self, grams: Hashes) -> tuple[Indices, Mask]:
        """Where each would be in the order, and whether it is there."""
        places = np.searchsorted(self.grams, grams)
        places[places == len(self.grams)] = 0
        is_there = (
            self.grams[places] == grams if len(self.grams) else np.zeros(len(grams), np.bool_)
        )
        return places, is_there

    def records(self) -> Iterator[tuple[Hashes, Rows]]:
        """Grams and the rows that they are from."""
        for start in range(0, self._written, _AT_ONCE):
            grams = np.fromfile(self._grams, np.uint64, _AT_ONCE, offset=8 * start)
            rows = np.fromfile(self._rows, np.uint32, _AT_ONCE, offset=4 * start)
            kept = grams % np.uint64(self.one_in) == 0
            yield grams[kept], rows[kept]
