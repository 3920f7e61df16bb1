"""Hashes of n words in succession."""

from __future__ import annotations

import numpy as np

from workers.data.report.arrays import Indices
from workers.data.report.hashing import Hashes, mix
from workers.data.report.words import Words

_FACTOR = np.uint64(0xD6E8FEB86659FD93)


def of(words: Words, n: int) -> tuple[Hashes, Indices]:
    """Of each n words in a row. Row i has the grams first[i]:first[i+1]; one with fewer words none.

    The j-th gram of a row begins with its j-th word.
    """
    hashes = words.hashes
    windows = max(0, len(hashes) - n + 1)
    row_ends = np.repeat(words.first[1:], words.per_row)
    inside = np.arange(n, windows + n) <= row_ends[:windows]
    combined = hashes[:windows].copy()
    for i in range(1, n):
        combined *= _FACTOR
        combined += hashes[i : i + windows]
    first = np.concatenate([[0], np.cumsum(np.maximum(words.per_row - n + 1, 0))])
    return mix(combined[inside]), first


def of_short_rows(words: Words, least: int, n: int) -> tuple[Hashes, Indices]:
    """Of all words of the rows that have at least `least` and fewer than n, and which rows."""
    counts = words.per_row
    rows = np.flatnonzero((counts >= least) & (counts < n))
    first, left = words.first[rows], counts[rows]
    combined = left.astype(np.uint64)
    for i in range(n - 1):
        more = left > i
        combined[more] = combined[more] * _FACTOR + words.hashes[first[more] + i]
    return mix(combined), rows
