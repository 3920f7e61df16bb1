"""How many rows are for training and for validation, and whether the latter are enough."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from workers.data.report.batches import Batch
from workers.data.report.checks import Figures
from workers.data.report.division import Division
from workers.data.report.examples import Example

WANTED = 1000  # rows for validation
# Of all rows, beyond which there are too few of them.
LARGEST_SHARE = 0.5
# Rows fall to a side by a hash: three standard deviations more have to be expected for there to be
# enough almost surely.
_EXPECTED = WANTED + 3 * math.isqrt(WANTED)


class Splits:
    version = 1

    def __init__(self, division: Division) -> None:
        self._division = division
        self._training, self._validation = _Part(), _Part()
        self._last_sizes: deque[int] = deque(maxlen=WANTED)

    def add(self, batch: Batch) -> None:
        documents = np.array([item.document for item in batch.items], dtype=np.int64)
        self._training.add(documents[~batch.validation], batch.sizes[~batch.validation])
        self._validation.add(documents[batch.validation], batch.sizes[batch.validation])
        self._last_sizes.extend(batch.sizes[-WANTED:].tolist())

    def finish(self) -> Collection[int]:
        return ()

    def result(self, texts: Mapping[int, Example]) -> Figures:
        division, training, validation = self._division, self._training, self._validation
        if division.start is not None and division.characters is not None:
            # A passage may reach over the border.
            training.characters = division.start
            validation.characters = division.characters - division.start
        needed = self._needed_share(training.rows + validation.rows)
        is_enough = validation.rows >= WANTED
        return {
            "method": {"rule": division.rule, "share": division.share, "wanted": WANTED},
            "training": training.figures(),
            "validation": validation.figures(),
            "enough": is_enough,
            "needed_share": None if is_enough or needed > LARGEST_SHARE else needed,
            "too_small": not is_enough and needed > LARGEST_SHARE,
        }

    def _needed_share(self, rows: int) -> float:
        """Of the rows, or of the characters of a single text; above 1 where there are too few."""
        if rows < WANTED:
            return math.inf
        if self._division.characters is not None:
            needed = sum(self._last_sizes) / self._division.characters
        else:
            needed = _EXPECTED / rows
        return math.ceil(needed * 1000) / 1000


class _Part:
    def __init__(self) -> None:
        self.rows = self.documents = self.characters = 0
        self._last_document = -1

    def add(self, documents: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        if len(documents):
            before = np.concatenate([[self._last_document], documents[:-1]])
            self.rows += len(documents)
            self.documents += int((documents != before).sum())
            self.characters += int(sizes.sum())
            self._last_document = int(documents[-1])

    def figures(self) -> Figures:
        return {"rows": self.rows, "documents": self.documents, "characters": self.characters}
