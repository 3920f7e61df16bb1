"""Small tools for arrays of numbers in order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]


def differs_from_previous(values: NDArray[Any]) -> Mask:
    """True for the first number, and for each that is another than the one before it."""
    differs = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=differs[1:])
    return differs


def ranges(starts: Indices, sizes: Indices) -> Indices:
    """starts[0], starts[0] + 1, ... as many as sizes[0] says, then the same of starts[1], ..."""
    shift = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return shift + np.arange(len(shift))
