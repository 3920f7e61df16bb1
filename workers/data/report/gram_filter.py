"""Says quickly of nearly every gram that nobody looks for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.data.report.arrays import Mask, differs_from_previous
from workers.data.report.hashing import Hashes

_BITS_PER_GRAM = 16
_MOST_BITS = 30

_BITS = np.left_shift(1, np.arange(8)).astype(np.uint8)


class GramFilter:
    """A bit for each value of a gram's first bits: one in sixteen is set at most."""

    def __init__(self, sets: Sequence[Hashes]) -> None:
        wanted = _BITS_PER_GRAM * max(1, sum(map(len, sets)))
        bits = min(_MOST_BITS, max(16, int(wanted - 1).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._bits = np.zeros(1 << (bits - 3), dtype=np.uint8)
        for grams in sets:
            self._set(grams)

    def _set(self, grams: Hashes) -> None:
        """`grams` are in order."""
        values = grams >> self._shift
        places = values >> np.uint64(3)
        starts = np.flatnonzero(differs_from_previous(places))
        if len(starts):
            together = np.bitwise_or.reduceat(_bit(values), starts)
            self._bits[places[starts]] |= together

    def may_have(self, grams: Hashes) -> Mask:
        values = grams >> self._shift
        return np.asarray((self._bits[values >> np.uint64(3)] & _bit(values)) != 0)


def _bit(values: Hashes) -> NDArray[np.uint8]:
    return _BITS[(values & np.uint64(7)).astype(np.intp)]
