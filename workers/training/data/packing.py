"""Examples in as few sequences as it takes, none of them cut (best fit, decreasing)."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np
from numpy.typing import NDArray


def pack(lengths: NDArray[np.int64], room: int) -> list[list[int]]:
    """Indices of examples by sequence; no length is above `room`. The longest example comes first,
    each into the fullest sequence that still holds it."""
    sequences: list[list[int]] = []
    # (room left, sequence), sorted.
    open_: list[tuple[int, int]] = []
    for index in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[index])
        at = bisect_left(open_, (length, -1))
        if at < len(open_):
            left, number = open_.pop(at)
            sequences[number].append(index)
        else:
            left, number = room, len(sequences)
            sequences.append([index])
        if left > length:
            insort(open_, (left - length, number))
    return sequences
