"""Which row is seen when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.training.data.order import Interleaving, Order, shares_of_rows
from workers.training.data.packing import pack

weights = st.lists(st.floats(0.01, 1), min_size=1, max_size=5)


def normal(values: list[float]) -> list[float]:
    return [value / sum(values) for value in values]


@given(weights, st.integers(0, 2_000))
@settings(max_examples=60, deadline=None)
def test_shares_hold_after_any_number_of_rows(values: list[float], rows: int):
    shares = normal(values)
    source, _ = Interleaving(shares).of(np.arange(rows))
    counts = np.bincount(source, minlength=len(shares))

    assert np.abs(counts - rows * np.array(shares)).max() <= len(shares)
    assert Interleaving(shares).counts(rows).tolist() == counts.tolist()


@given(weights, st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_rows_of_a_source_are_numbered_without_gaps(values: list[float], first: int):
    interleaving = Interleaving(normal(values))
    source, had = interleaving.of(np.arange(first, first + 200))
    before = interleaving.counts(first)

    for index in range(len(values)):
        mine = had[source == index]
        assert mine.tolist() == list(range(before[index], before[index] + len(mine)))


def test_every_pass_has_each_row_once_and_another_order():
    _, rows = Order([10], [1.0], seed=3).rows(0, 30)
    passes = [part.tolist() for part in np.split(rows, 3)]

    assert [sorted(part) for part in passes] == [list(range(10))] * 3
    assert len({tuple(part) for part in passes}) == 3


def test_in_the_middle_it_is_what_walking_gives():
    sizes, shares = [7, 100, 3], [0.2, 0.5, 0.3]
    walked = Order(sizes, shares, seed=1).rows(0, 500)
    jumped = Order(sizes, shares, seed=1).rows(337, 163)

    assert all((a[337:] == b).all() for a, b in zip(walked, jumped, strict=True))


def test_another_seed_is_another_order():
    first, second = (Order([50], [1.0], seed).rows(0, 50)[1].tolist() for seed in (1, 2))
    assert first != second


def test_what_was_seen_are_whole_passes_and_the_rows_of_the_one_begun():
    order = Order([4, 6], [0.5, 0.5], seed=9)
    source, rows = order.rows(0, 13)
    for index, (passes, begun) in enumerate(order.seen(13)):
        size = (4, 6)[index]
        mine = rows[source == index]
        assert len(mine) == passes * size + len(begun)
        assert mine[passes * size :].tolist() == begun.tolist()


def test_sources_of_long_rows_give_fewer_of_them():
    """Half of the tokens from rows of 30, half from rows of 10: one row in four is long."""
    assert shares_of_rows([0.5, 0.5], [30, 10]) == pytest.approx([0.25, 0.75])


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_packing_keeps_every_example_whole_and_once(lengths: list[int]):
    sequences = pack(np.array(lengths), room=20)

    assert sorted(i for sequence in sequences for i in sequence) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in sequence) <= 20 for sequence in sequences)


def test_packing_fills_up():
    """The longest first, each into the fullest place that holds it: 7+3, 6+4, 5+5."""
    sequences = pack(np.array([3, 4, 5, 5, 6, 7]), room=10)
    assert [[{0: 3, 1: 4, 2: 5, 3: 5, 4: 6, 5: 7}[i] for i in s] for s in sequences] == [
        [7, 3],
        [6, 4],
        [5, 5],
    ]
