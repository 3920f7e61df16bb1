"""Rows that say nearly the same as an earlier one: most of their word n-grams are the same.

MinHash finds the pairs that may be alike, of which the exact Jaccard similarity decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workers.data.report import grams, minhash
from workers.data.report.arrays import Mask, differs_from_previous
from workers.data.report.batches import Batch
from workers.data.report.checks import EXAMPLES, Figures, share
from workers.data.report.duplicates import LEAST_WORDS, SHOWN_ROWS, Duplicates
from workers.data.report.examples import Example
from workers.data.report.groups import Groups, Rows
from workers.data.report.hashing import Hashes, mix
from workers.data.report.partitions import Partitions, Records
from workers.data.report.shingle_store import ShingleStore

NGRAM = 5
THRESHOLD = 0.8
# A bucket with more rows is divided by the next band too. All of its rows with all would take a
# time that grows with its square: where there are still as many, they are compared with the first
# few alone.
LARGE_BUCKET, LEADERS = 64, 8


class NearDuplicates:
    version = 1

    def __init__(self, folder: Path, exact: Duplicates, threshold: float = THRESHOLD) -> None:
        folder.mkdir()
        self._folder = folder
        self._exact = exact
        self._threshold = threshold
        self._keys = Partitions(folder / "keys", [("key", "u8"), ("next", "u4"), ("row", "u4")])
        self._shingles = ShingleStore(folder / "shingles")
        self._rows = self._too_short = self._groups = 0
        self._largest: list[tuple[int, Rows]] = []
        # [rows]: whether an earlier row says nearly the same; exact duplicates are left out.
        self.repeats = np.zeros(0, dtype=np.bool_)

    def add(self, batch: Batch) -> None:
        words = batch.own_words
        hashes, first = grams.of(words, NGRAM)
        shingles = (hashes >> np.uint64(32)).astype(np.uint32)
        self._shingles.add(shingles, first)
        self._rows += len(batch.rows)
        self._too_short += int((words.per_row < LEAST_WORDS).sum())
        having = np.flatnonzero(np.diff(first))
        if len(having):
            found = minhash.signatures(shingles, np.append(first[having], first[-1]))
            long = words.per_row[having] >= LEAST_WORDS
            self._add_keys(minhash.band_keys(found[long]), batch.rows[having[long]])

    def _add_keys(self, keys: Hashes, rows: Rows) -> None:
        """[rows, bands], each key with that of the next band."""
        following = np.roll(keys, -1, axis=1) >> np.uint64(32)
        self._keys.add(
            key=keys.reshape(-1),
            next=following.reshape(-1),
            row=np.repeat(rows, minhash.BANDS),
        )

    def finish(self) -> Collection[int]:
        groups = Groups(self._folder / "groups", self._rows)
        for records in self._keys:
            self._compare(records[~self._exact.repeats[records["row"]]], groups)
        self.repeats = groups.repeats()
        members = np.flatnonzero(self.repeats).astype(np.uint32)
        leaders = groups.first(members)
        self._groups = len(np.unique(leaders))
        self._largest = _largest(leaders, members)
        return {int(row) for _, rows in self._largest for row in rows}

    def _compare(self, records: Records, groups: Groups) -> None:
        """Each row with the first of its bucket; those unlike it then with the first of them."""
        keys, rows, is_large = _in_buckets(records)
        for leader in range(LARGE_BUCKET):
            if leader == LEADERS:
                keys, rows, is_large = keys[~is_large], rows[~is_large], is_large[~is_large]
            if not len(keys):
                return
            leads = differs_from_previous(keys)
            leaders = rows[np.maximum.accumulate(np.where(leads, np.arange(len(keys)), 0))]
            unlike = ~(leads | self._joined(leaders, rows, groups))
            keys, rows, is_large = keys[unlike], rows[unlike], is_large[unlike]

    def _joined(self, leaders: Rows, rows: Rows, groups: Groups) -> Mask:
        """Which rows are in the group of their leader, after those like it were put there."""
        together = groups.first(leaders) == groups.first(rows)
        asked = np.flatnonzero(~together)
        found = self._shingles.similarity(leaders[asked], rows[asked]) >= self._threshold
        alike = asked[found]
        groups.join(leaders[alike], rows[alike])
        together[alike] = True
        return np.asarray(together)

    def result(self, texts: Mapping[int, Example]) -> Figures:
        repeats = int(self.repeats.sum())
        return {
            "method": {
                "ngram": NGRAM,
                "permutations": minhash.PERMUTATIONS,
                "bands": minhash.BANDS,
                "threshold": self._threshold,
                "least_words": LEAST_WORDS,
                "large_bucket": LARGE_BUCKET,
                "leaders": LEADERS,
                "detection": {str(j): round(minhash.detection(j), 4) for j in (0.8, 0.9, 0.95)},
            },
            "rows": repeats,
            "share": share(repeats, self._rows),
            "groups": self._groups,
            "too_short": self._too_short,
            "examples": [self._example(size, rows, texts) for size, rows in self._largest],
        }

    def _example(self, size: int, rows: Rows, texts: Mapping[int, Example]) -> dict[str, Any]:
        """Similarities are those with the first row of the group."""
        similar = self._shingles.similarity(np.full_like(rows, rows[0]), rows)
        shown = [
            texts[row].shown() | {"similarity": round(similarity, 4)}
            for row, similarity in zip(rows.tolist(), similar.tolist(), strict=True)
        ]
        return {"size": size, "rows": shown}


def _in_buckets(records: Records) -> tuple[Hashes, Rows, Mask]:
    """Keys in order, the rows of each in order, and which are of large buckets."""
    records = records[np.argsort(records["key"], kind="stable")]
    keys = np.where(
        _of_large_runs(records["key"]), mix(records["key"] ^ records["next"]), records["key"]
    )
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    return keys, records["row"][order], _of_large_runs(keys)


def _of_large_runs(keys: Hashes) -> Mask:
    """Which keys are there more often than a bucket has rows that is not large."""
    starts = np.flatnonzero(differs_from_previous(keys))
    sizes = np.diff(np.append(starts, len(keys)))
    return np.asarray(np.repeat(sizes, sizes) > LARGE_BUCKET)


def _largest(leaders: Rows, members: Rows) -> list[tuple[int, Rows]]:
    """The size and the first rows of the largest groups, given who repeats whom."""
    first, sizes = np.unique(leaders, return_counts=True)
    chosen = np.argsort(-sizes, kind="stable")[:EXAMPLES]
    return [
        (int(sizes[i]) + 1, np.append(first[i], members[leaders == first[i]][: SHOWN_ROWS - 1]))
        for i in chosen
    ]
