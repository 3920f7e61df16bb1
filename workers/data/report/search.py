"""Rows that are looked for in the parts of a dataset, and which of them were found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workers.data.report.arrays import Indices
from workers.data.report.checks import EXAMPLES, Figures, share
from workers.data.report.examples import Example
from workers.data.report.gram_set import GramSet
from workers.data.report.groups import Rows
from workers.data.report.hashing import Hashes
from workers.data.report.overlap import shared

# In how many rows of a part a gram is a form that is filled in, and no leak: one in a thousand of
# them, and at least 100.
COMMON_ROWS, COMMON_ONE_IN = 100, 1000

_NOBODY = np.uint32(0xFFFFFFFF)


class Leak(NamedTuple):
    row: int
    part: str
    other: int  # row of the part


class Search:
    """`parts`: those of the dataset in which the rows are looked for.

    First `add` the rows, then `close`, then let it `see` those of the parts.
    """

    def __init__(self, folder: Path, parts: Sequence[str]) -> None:
        self.leaks: list[Leak] = []  # the first ones
        self.found: dict[str, list[int]] = {}  # the rows that were found in each part
        self._set = GramSet(folder)
        self._rows = self._compared = self._last_row = 0
        self._parts = parts
        self._seen: dict[str, _Seen] = {}
        self._figures: dict[str, Figures] = {}

    @property
    def grams(self) -> Hashes:
        return self._set.grams

    @property
    def one_in(self) -> int:
        return self._set.one_in

    def add(self, grams: Hashes, rows: Rows, count: int) -> None:
        """Those of `count` rows more, of which some may have none."""
        self._set.add(grams, rows)
        self._rows += count
        self._compared += len(np.unique(rows))
        self._last_row = max(self._last_row, int(rows.max(initial=0)))

    def close(self) -> None:
        self._set.close()
        self._seen = {part: _Seen(len(self.grams)) for part in self._parts}

    def see(self, part: str, grams: Hashes, rows: Rows) -> None:
        if part in self._parts and len(grams):
            places, are_there = self._set.places(grams)
            self._seen[part].add(places[are_there], rows[are_there])

    def finish(self, rows: Mapping[str, int]) -> None:
        """`rows`: how many each part has."""
        for part in self._parts:
            common = max(COMMON_ROWS, rows[part] // COMMON_ONE_IN)
            self._figures[part] = self._look_through(part, common)

    def _look_through(self, part: str, common: int) -> Figures:
        seen = self._seen[part]
        any_of = np.zeros(self._last_row + 1, dtype=np.bool_)
        telling = np.zeros_like(any_of)
        for rows, places in self._set.rows_with(np.flatnonzero(seen.rows)):
            any_of[rows] = True
            tells = seen.rows[places] < common
            self._keep_first(part, rows[tells], seen.first[places[tells]])
            telling[rows[tells]] = True
        found = int(telling.sum())
        self.found[part] = np.flatnonzero(telling).tolist()
        return {
            "rows": found,
            "share": share(found, self._rows),
            "only_common": int(any_of.sum()) - found,
        }

    def _keep_first(self, part: str, rows: Rows, others: Rows) -> None:
        chosen, first = np.unique(rows, return_index=True)
        known = {leak.row for leak in self.leaks}
        for row, other in zip(chosen.tolist(), others[first].tolist(), strict=True):
            if len(self.leaks) == EXAMPLES:
                return
            if row not in known:
                self.leaks.append(Leak(row, part, other))

    def figures_without_texts(self) -> Figures:
        return {"rows": self._rows, "compared": self._compared, "in": self._figures}

    def figures(self, own: Mapping[int, Example], texts: Mapping[int, Example]) -> Figures:
        """`own`: the texts of the rows that are looked for; `texts`: those of the dataset."""
        return {
            **self.figures_without_texts(),
            "examples": [
                {
                    "part": leak.part,
                    "rows": [own[leak.row].shown(), texts[leak.other].shown()],
                    "shared": shared(own[leak.row].text, texts[leak.other].text),
                }
                for leak in self.leaks
            ],
        }


class _Seen:
    """Of each gram, in how many rows it was seen, and in which one first."""

    def __init__(self, grams: int) -> None:
        self.rows = np.zeros(grams, dtype=np.uint32)
        self.first = np.full(grams, _NOBODY)

    def add(self, places: Indices, rows: Rows) -> None:
        pairs = np.unique(places.astype(np.uint64) << np.uint64(32) | rows)
        places = (pairs >> np.uint64(32)).astype(np.int64)
        np.add.at(self.rows, places, np.uint32(1))
        np.minimum.at(self.first, places, pairs.astype(np.uint32))
