"""Rows that say the same as an earlier one, but for white space at their ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_digest

from workers.data.report import examples
from workers.data.report.arrays import Mask
from workers.data.report.batches import Batch
from workers.data.report.checks import EXAMPLES, Figures, share
from workers.data.report.examples import Example
from workers.data.report.partitions import Partitions, Records

# Of a passage of a text: headings, names of speakers and stage directions repeat by right.
LEAST_WORDS = 8
SHOWN_ROWS = 3  # of an example group


class Duplicates:
    version = 1

    def __init__(self, folder: Path) -> None:
        self._records = Partitions(folder, [("key", "u8"), ("more", "u8"), ("row", "u4")])
        self._rows = self._too_short = self._groups = 0
        self._largest: list[tuple[int, list[int]]] = []
        # [rows]: whether an earlier row says the same.
        self.repeats = np.zeros(0, dtype=np.bool_)

    def add(self, batch: Batch) -> None:
        digests = b"".join(xxh3_128_digest(text.strip().encode()) for text in batch.texts)
        halves = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
        compared = ~_is_short_passage(batch)
        self._records.add(
            key=halves[compared, 0], more=halves[compared, 1], row=batch.rows[compared]
        )
        self._rows += len(batch.rows)
        self._too_short += int((~compared).sum())

    def finish(self) -> Collection[int]:
        self.repeats = np.zeros(self._rows, dtype=np.bool_)
        for records in self._records:
            self._compare(records)
        return {row for _, rows in self._largest for row in rows}

    def _compare(self, records: Records) -> None:
        # Stable: in a group, rows stay in their order.
        records = records[np.lexsort((records["more"], records["key"]))]
        again = np.zeros(len(records) + 1, dtype=np.bool_)
        again[1:-1] = (records["key"][1:] == records["key"][:-1]) & (
            records["more"][1:] == records["more"][:-1]
        )
        rows = records["row"]
        self.repeats[rows[again[:-1]]] = True
        starts = np.flatnonzero(~again[:-1] & again[1:])
        ends = np.flatnonzero(again[:-1] & ~again[1:]) + 1
        self._groups += len(starts)
        self._keep_largest(rows, starts, ends - starts)

    def _keep_largest(
        self, rows: NDArray[np.uint32], starts: NDArray[np.int64], sizes: NDArray[np.int64]
    ) -> None:
        for i in np.argsort(-sizes, kind="stable")[:EXAMPLES]:
            group = rows[starts[i] : starts[i] + min(sizes[i], SHOWN_ROWS)]
            self._largest.append((int(sizes[i]), group.tolist()))
        self._largest.sort(key=lambda group: (-group[0], group[1]))
        del self._largest[EXAMPLES:]

    def result(self, texts: Mapping[int, Example]) -> Figures:
        repeats = int(self.repeats.sum())
        return {
            "method": {
                "hash": "xxh3-128",
                "normalised": "surrounding whitespace",
                "least_words": LEAST_WORDS,
            },
            "rows": repeats,
            "share": share(repeats, self._rows),
            "groups": self._groups,
            "too_short": self._too_short,
            "examples": [
                {"size": size, "rows": examples.shown(rows, texts)} for size, rows in self._largest
            ],
        }


def _is_short_passage(batch: Batch) -> Mask:
    if not batch.division.source.reading.is_plain_text:
        return np.zeros(len(batch.rows), dtype=np.bool_)
    return np.asarray(batch.words.per_row < LEAST_WORDS)
