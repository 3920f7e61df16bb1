"""Words in succession that two rows share.

13 of them, as in Brown et al., Language Models are Few-Shot Learners (2020), appendix C.
"""

from __future__ import annotations

import numpy as np

from workers.data.report import grams, words
from workers.data.report.groups import Rows
from workers.data.report.hashing import Hashes
from workers.data.report.words import Words

NGRAM = 13
# A row with fewer words is compared as a whole; one with still fewer says nothing of its own.
LEAST_WORDS = 5


def grams_of_rows(words: Words, rows: Rows) -> tuple[Hashes, Rows]:
    """All n-grams, and of short rows the whole, each with its row."""
    found, first = grams.of(words, NGRAM)
    whole, short = grams.of_short_rows(words, LEAST_WORDS, NGRAM)
    of = np.concatenate([np.repeat(rows, np.diff(first)), rows[short]])
    return np.concatenate([found, whole]), of


def shared(text: str, other: str) -> str:
    """The first words of `text` by which it overlaps with the other."""
    both = words.split([text, other])
    found, of = grams_of_rows(both, np.arange(2, dtype=np.uint32))
    places = np.flatnonzero((of == 0) & np.isin(found, found[of == 1]))
    if not len(places):
        return ""
    return both.text(int(places[0]), min(NGRAM, int(both.per_row[0])))
