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


sizes_and_weights = st.lists(
    st.tuples(st.integers(1, 40), st.floats(0.01, 1)), min_size=1, max_size=4
)


@given(sizes_and_weights, st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_a_row_comes_again_only_after_all_others_of_its_source(
    sources: list[tuple[int, float]], rows: int
):
    sizes, values = zip(*sources, strict=True)
    source, row = Order(sizes, normal(list(values)), seed=2).rows(0, rows)

    for index, size in enumerate(sizes):
        mine = row[source == index].tolist()
        for first in range(0, len(mine), size):
            a_pass = mine[first : first + size]
            assert len(set(a_pass)) == len(a_pass)
            assert set(a_pass) <= set(range(size))


@given(sizes_and_weights, st.integers(0, 300), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_any_stretch_is_what_walking_there_gives(
    sources: list[tuple[int, float]], first: int, count: int
):
    sizes, values = zip(*sources, strict=True)
    shares = normal(list(values))
    walking = Order(sizes, shares, seed=4)
    walked = [np.concatenate(walking.rows(at, 1)).tolist() for at in range(first + count)]

    jumped = np.stack(Order(sizes, shares, seed=4).rows(first, count), axis=1)

    assert jumped.tolist() == walked[first:]


def test_rows_far_out_are_as_near_as_the_first():
    """After a trillion rows: walking there would take days."""
    order = Order([1_000, 50], [0.9, 0.1], seed=1)
    far = 10**12
    source, row = order.rows(far, 1_000)

    assert (source == 1).sum() == pytest.approx(100, abs=1)
    assert len(set(row[source == 0].tolist())) > 800
    (passes, _), (passes_of_few, _) = order.seen(far)
    assert passes == pytest.approx(0.9 * far / 1_000, rel=1e-9)
    assert passes_of_few == pytest.approx(0.1 * far / 50, rel=1e-9)


def test_one_order_may_be_asked_in_any_order():
    order = Order([30], [1.0], seed=6)
    later, earlier = order.rows(70, 10)[1], order.rows(5, 10)[1]

    assert order.rows(70, 10)[1].tolist() == later.tolist()
    assert order.rows(5, 10)[1].tolist() == earlier.tolist()


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


@given(st.lists(st.tuples(st.floats(0.01, 1), st.integers(1, 100)), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_weights_are_the_shares_of_the_tokens(sources: list[tuple[float, int]]):
    """Of the tokens of 10,000 rows, each off by a few rows at most."""
    values, lengths = zip(*sources, strict=True)
    weights = normal(list(values))
    shares = shares_of_rows(weights, lengths)
    counts = Interleaving(shares).counts(10_000)
    tokens = counts * np.array(lengths)

    assert sum(shares) == pytest.approx(1)
    off = np.abs(tokens - tokens.sum() * np.array(weights))
    assert off.max() <= len(sources) ** 2 * max(lengths)


def test_a_source_without_tokens_or_weight_gives_no_rows():
    assert shares_of_rows([0.5, 0.5, 0.0], [10, 0, 5]) == [1.0, 0.0, 0.0]
    assert Interleaving([1.0, 0.0, 0.0]).counts(100).tolist() == [100, 0, 0]


@given(st.lists(st.integers(1, 20), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_packing_keeps_every_example_whole_and_once(lengths: list[int]):
    sequences = pack(np.array(lengths), room=20)

    assert sorted(i for sequence in sequences for i in sequence) == list(range(len(lengths)))
    assert all(sum(lengths[i] for i in sequence) <= 20 for sequence in sequences)


def test_packing_wastes_little():
    """Of random lengths fewer than one sequence in a hundred is more than it has to be."""
    lengths = np.random.default_rng(3).integers(10, 400, size=5_000)
    assert len(pack(lengths, room=1_000)) <= -(-lengths.sum() // 1_000) * 1.01


def test_packing_fills_up():
    """The longest first, each into the fullest place that holds it: 7+3, 6+4, 5+5."""
    sequences = pack(np.array([3, 4, 5, 5, 6, 7]), room=10)
    assert [[{0: 3, 1: 4, 2: 5, 3: 5, 4: 6, 5: 7}[i] for i in s] for s in sequences] == [
        [7, 3],
        [6, 4],
        [5, 5],
    ]
