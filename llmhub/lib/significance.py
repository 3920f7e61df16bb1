"""How sure a score is, and whether two of them differ by more than chance.

Every item of a task gives a row of numbers that add up: 0 or 1 for an answer, nats and tokens for a
text, counts of n-grams for a translation. A score is a function of the sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]  # [items, numbers that add up]
# From sums [samples, numbers] to scores [samples].
Score = Callable[[Rows], NDArray[np.float64]]

RESAMPLES = 1_000
SEED = 1337
# Resamples that are drawn at once: 100 x 50,000 numbers are 40 MB.
_AT_ONCE = 100
# Of the normal distribution, for 95 %.
_Z = 1.959963984540054
# Of Student's distribution, for 95 %, with 1, 2, … degrees of freedom.
_STUDENT = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
)


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Of the second from the first, over the same items. `p`: how likely chance alone makes it at
    least this large."""

    value: float
    low: float
    high: float
    p: float
    method: str


def wilson(right: int, items: int) -> Interval:
    """The score interval of Wilson (1927): also right for few items and for shares near 0 and 1."""
    if not items:
        return Interval(0.0, 1.0)
    share, square = right / items, _Z * _Z
    centre = (share + square / (2 * items)) / (1 + square / items)
    spread = math.sqrt(share * (1 - share) / items + square / (4 * items * items))
    half = _Z * spread / (1 + square / items)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def mean_interval(values: Sequence[float]) -> Interval | None:
    """95 % for the mean of what the values were drawn from, as Student reckons it; None for fewer
    than two values, which say nothing of their spread."""
    if len(values) < 2:
        return None
    size = _size(values)
    scaled = [math.ldexp(value, -size) for value in values]
    half = student(len(values) - 1) * math.sqrt(_variance(scaled) / len(scaled))
    return _around(_mean(scaled), half, size)


def difference_of_means(first: Sequence[float], second: Sequence[float]) -> Interval | None:
    """95 % for how much higher the mean of the second is, whatever the spread of each (Welch 1947).
    None where one of them has fewer than two values."""
    if min(len(first), len(second)) < 2:
        return None
    size = _size([*first, *second])
    sides = [[math.ldexp(value, -size) for value in values] for values in (first, second)]
    shares = [_variance(values) / len(values) for values in sides]
    middle, spread = _mean(sides[1]) - _mean(sides[0]), sum(shares)
    if not spread:
        return _around(middle, 0.0, size)
    # Divided first: the square of a very small spread is no number any more.
    parts = zip(shares, sides, strict=True)
    freedom = 1 / sum((share / spread) ** 2 / (len(values) - 1) for share, values in parts)
    return _around(middle, student(freedom) * math.sqrt(spread), size)


def _size(values: Sequence[float]) -> int:
    """The power of two that the largest of them is below: by it they are squared without leaving
    what numbers hold, and nothing is rounded."""
    return math.frexp(max(map(abs, values)))[1]


def _around(middle: float, half: float, size: int) -> Interval:
    return Interval(math.ldexp(middle - half, size), math.ldexp(middle + half, size))


def student(freedom: float) -> float:
    """How many standard errors hold 95 %, by degrees of freedom; between two whole numbers the
    lower one, which makes the interval wider."""
    whole = math.floor(freedom)
    if whole <= len(_STUDENT):
        return _STUDENT[max(whole, 1) - 1]
    # Cornish and Fisher (1937): from here on within 0.0003.
    z, z3, z5 = _Z, _Z**3, _Z**5
    return z + (z3 + z) / (4 * whole) + (5 * z5 + 16 * z3 + 3 * z) / (96 * whole**2)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    middle = _mean(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)


def bootstrap(rows: Rows, score: Score) -> Interval:
    """95 % of the scores of samples that are drawn from the items with replacement."""
    scores = np.concatenate([score(sums) for (sums,) in _resampled(rows)])
    return _middle(scores)


def mcnemar(first: Rows, second: Rows) -> Difference:
    """For right and wrong: exact, from the items on which the two differ (McNemar 1947)."""
    was, now = first[:, 0] > 0, second[:, 0] > 0
    gained, lost = int((now & ~was).sum()), int((was & ~now).sum())
    paired = paired_bootstrap(first, second, mean)
    return Difference(paired.value, paired.low, paired.high, sign_test(gained, lost), "mcnemar")


def sign_test(gained: int, lost: int) -> float:
    """Two-sided, exact: whether as many items were gained as lost."""
    total = gained + lost
    tail, ways = 0, 1
    for i in range(min(gained, lost) + 1):
        tail += ways
        ways = ways * (total - i) // (i + 1)
    # A quotient of whole numbers: 2 ** 2000 is no float.
    return min(1.0, 2 * (tail / (1 << total)))


def paired_bootstrap(first: Rows, second: Rows, score: Score) -> Difference:
    """Both are drawn the same items (Koehn 2004, two-sided)."""
    of_all = [score(rows.sum(axis=0, keepdims=True))[0] for rows in (first, second)]
    drawn = np.concatenate([score(new) - score(old) for old, new in _resampled(first, second)])
    below, above = int((drawn <= 0).sum()), int((drawn >= 0).sum())
    p = min(1.0, 2 * (min(below, above) + 1) / (len(drawn) + 1))
    middle = _middle(drawn)
    return Difference(float(of_all[1] - of_all[0]), middle.low, middle.high, p, "bootstrap")


def holm(ps: Sequence[float]) -> list[float]:
    """The same after Holm (1979): with many comparisons some differ by chance."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted


def mean(sums: Rows) -> NDArray[np.float64]:
    """Of (points, items)."""
    return ratio(sums)


def ratio(sums: Rows) -> NDArray[np.float64]:
    """The first number over the second; 0 where there is nothing to divide by."""
    return np.divide(sums[:, 0], sums[:, 1], out=np.zeros(len(sums)), where=sums[:, 1] > 0)


def bleu(sums: Rows) -> NDArray[np.float64]:
    """Of (length, reference length, 4 counts that are right, 4 in all), by sacrebleu itself."""
    # It takes a moment, and most pages show no translation.
    from sacrebleu.metrics.bleu import BLEU

    return np.array(
        [
            BLEU.compute_bleu(
                correct=row[2:6].astype(int).tolist(),
                total=row[6:10].astype(int).tolist(),
                sys_len=int(row[0]),
                ref_len=int(row[1]),
            ).score
            for row in sums
        ]
    )


def _resampled(*groups: Rows) -> Iterator[tuple[Rows, ...]]:
    """The sums of each resample, the same items for all groups."""
    items = len(groups[0])
    generator = np.random.default_rng(SEED)
    for start in range(0, RESAMPLES, _AT_ONCE):
        size = min(_AT_ONCE, RESAMPLES - start)
        drawn = generator.integers(items, size=(size, items))
        counts = np.stack([np.bincount(row, minlength=items) for row in drawn]).astype(np.float64)
        yield tuple(counts @ rows for rows in groups)


def _middle(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(low), float(high))
