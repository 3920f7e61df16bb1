"""Which row is seen when, over one source or many: a function of the seed and the row's number.

Nothing is kept, so a training can go on at any number without walking there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Interleaving:
    """Sources in turn, so that after any number of rows each has had its share but for a row or so.

    The first source is taken whenever the rounded share of rows that it should have had grows by
    one; among the rows that are left, the second one likewise, and so on.
    """

    shares: Sequence[float]  # of the rows; they add up to 1

    def of(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """(source, how many rows it had before) of the rows of these numbers."""
        source, position = np.zeros_like(numbers), numbers.copy()
        is_open = np.ones(len(numbers), dtype=bool)
        had = np.zeros_like(numbers)
        for index, share in enumerate(self._of_the_rest()):
            before, after = _due(position, share), _due(position + 1, share)
            mine = is_open & (after > before)
            source[mine], had[mine] = index, before[mine]
            position -= before
            is_open &= ~mine
        return source, had

    def counts(self, rows: int) -> Numbers:
        """[sources]: how many of the first `rows` each has."""
        counts, left = [], np.array([rows])
        for share in self._of_the_rest():
            counts.append(_due(left, share)[0])
            left = left - counts[-1]
        return np.array(counts, dtype=np.int64)

    def _of_the_rest(self) -> list[float]:
        """The share of each source among itself and those after it."""
        rest = np.cumsum(self.shares[::-1])[::-1]
        shares = [
            share / left if left else 0.0 for share, left in zip(self.shares, rest, strict=True)
        ]
        return [*shares[:-1], 1.0]


def _due(rows: Numbers, share: float) -> Numbers:
    return rows if share == 1 else np.floor(rows * share + 0.5).astype(np.int64)


@dataclass(frozen=True)
class Order:
    """Rows without putting them back: every pass over a source is a permutation of its own."""

    sizes: Sequence[int]  # rows of each source
    shares: Sequence[float]  # of the rows
    seed: int
    _permutations: dict[int, tuple[int, Numbers]] = field(default_factory=dict)

    def rows(self, first: int, count: int) -> tuple[Numbers, Numbers]:
        """(source, row of it) of the rows number `first` to `first` + `count` - 1."""
        source, had = self.interleaving.of(np.arange(first, first + count, dtype=np.int64))
        row = np.empty_like(had)
        for index, size in enumerate(self.sizes):
            mine = source == index
            passes, within = np.divmod(had[mine], max(1, size))
            found = np.empty_like(within)
            for number in np.unique(passes):
                now = passes == number
                found[now] = self._permutation(index, int(number))[within[now]]
            row[mine] = found
        return source, row

    def seen(self, rows: int) -> list[tuple[int, Numbers]]:
        """Of each source after `rows` rows: whole passes, and the rows of the one that is begun."""
        found = []
        for index, (size, count) in enumerate(
            zip(self.sizes, self.interleaving.counts(rows), strict=True)
        ):
            passes, begun = divmod(int(count), max(1, size))
            found.append((passes, self._permutation(index, passes)[:begun]))
        return found

    @property
    def interleaving(self) -> Interleaving:
        return Interleaving(self.shares)

    def _permutation(self, source: int, number: int) -> Numbers:
        """The last one of each source is kept: rows are asked for in turn."""
        kept = self._permutations.get(source)
        if kept is None or kept[0] != number:
            generator = np.random.default_rng([self.seed, source, number])
            kept = number, generator.permutation(self.sizes[source])
            self._permutations[source] = kept
        return kept[1]


def shares_of_rows(weights: Sequence[float], lengths: Sequence[float]) -> list[float]:
    """Weights are shares of the tokens: a source of long rows gives fewer of them."""
    rows = [
        weight / length if length else 0.0 for weight, length in zip(weights, lengths, strict=True)
    ]
    total = sum(rows)
    return [share / total for share in rows]
