"""Signatures by which rows with similar words find each other.

Broder, On the resemblance and containment of documents (1997): the least value that a random
permutation gives to any shingle of a row is the same for two rows with a probability of their
Jaccard similarity. Bands of some permutations: Indyk and Motwani, Approximate nearest neighbors
(1998).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.data.report import hashing
from workers.data.report.arrays import Indices
from workers.data.report.hashing import Hashes, mix

BANDS, IN_BAND = 16, 8
PERMUTATIONS = BANDS * IN_BAND

Shingles = NDArray[np.uint32]

# x -> a x + b modulo 2**32 with an odd a: one to one, and shingles are random already.
_FACTORS = (hashing.numbers(1, PERMUTATIONS) >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
_SUMMANDS = (hashing.numbers(2, PERMUTATIONS) >> np.uint64(32)).astype(np.uint32)
_FACTOR = np.uint64(0xD6E8FEB86659FD93)


def signatures(shingles: Shingles, first: Indices) -> NDArray[np.uint32]:
    """[rows, permutations], of rows with the shingles first[i]:first[i+1], each at least one."""
    least = np.empty((PERMUTATIONS, len(first) - 1), dtype=np.uint32)
    permuted = np.empty_like(shingles)
    for i in range(PERMUTATIONS):
        np.multiply(shingles, _FACTORS[i], out=permuted)
        np.add(permuted, _SUMMANDS[i], out=permuted)
        np.minimum.reduceat(permuted, first[:-1], out=least[i])
    return np.ascontiguousarray(least.T)


def band_keys(signatures: NDArray[np.uint32]) -> Hashes:
    """[rows, bands]: equal where two rows agree in a whole band."""
    halves = signatures.view(np.uint64).reshape(-1, BANDS, IN_BAND // 2)
    keys = np.broadcast_to(np.arange(BANDS, dtype=np.uint64), halves.shape[:2])
    for i in range(IN_BAND // 2):
        keys = mix(keys * _FACTOR + halves[:, :, i])
    return keys


def detection(jaccard: float) -> float:
    """How probable it is that two rows of this similarity meet in a band."""
    return float(1 - (1 - jaccard**IN_BAND) ** BANDS)
