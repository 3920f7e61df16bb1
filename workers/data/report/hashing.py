"""Hashes of 64 bits, of many numbers at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

# The finaliser of splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
# 2014): one to one, and each bit of the result depends on every bit of the number.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def mix(numbers: Hashes) -> Hashes:
    mixed = numbers + _GAMMA
    mixed ^= mixed >> np.uint64(30)
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return mixed


def numbers(seed: int, count: int) -> Hashes:
    """The same `count` numbers at every call, as from a generator with this seed."""
    start = np.uint64(seed) << np.uint64(32)
    return mix(start + np.arange(count, dtype=np.uint64))
