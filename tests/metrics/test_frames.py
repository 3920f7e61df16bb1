"""Columns that were packed come back bit by bit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from llmhub.metrics import blocks, frames, levels
from llmhub.metrics.codec import Column, Points

whole = arrays.arrays(np.int64, st.integers(0, 40), elements=st.integers(-(2**63), 2**63 - 1))
near = arrays.arrays(np.int64, st.integers(0, 40), elements=st.integers(-5, 300))
floats = arrays.arrays(np.float64, st.integers(0, 40), elements=st.floats(width=64))
single = arrays.arrays(np.float64, st.integers(0, 40), elements=st.floats(width=32))
bits = arrays.arrays(np.bool_, st.integers(0, 40))


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(whole, near, floats, single, bits, near.map(np.cumsum)), max_size=4))
def test_every_bit_comes_back(columns):
    found = frames.unpack(frames.pack(columns))
    assert len(found) == len(columns)
    for before, after in zip(columns, found, strict=True):
        assert after.dtype == before.dtype
        assert after.tobytes() == before.tobytes()


def test_steps_that_count_up_take_nothing_and_single_precision_half():
    steps = frames.pack([np.arange(10**6, 10**6 + 4096)])
    exact = np.random.default_rng(1).normal(size=4096)
    assert len(steps) < 40
    assert len(frames.pack([exact])) < 4096 * 8
    assert len(frames.pack([exact.astype("f4").astype("f8")])) < 4096 * 4


def test_a_block_keeps_rows_of_one_step_together():
    steps = np.repeat(np.arange(2000), 5)
    points = Points(steps, steps * 1.0, {"a": Column(np.ones(10_000, bool), steps * 2.0)})
    cut = list(blocks.cut(points))
    assert sum(map(len, cut)) == 10_000
    assert all(len(block) <= blocks.ROWS for block in cut)
    assert all(a.steps[-1] < b.steps[0] for a, b in pairwise(cut))


@pytest.mark.parametrize("wanted", [["a", "b"], ["b"], []])
def test_a_column_of_a_block_is_read_without_the_others(wanted):
    present = np.array([True, False, True])
    series = {
        "a": Column(np.ones(3, bool), np.ones(3)),
        "b": Column(present, np.array([1.0, 0, 3])),
    }
    points = Points(np.array([4, 6, 9]), np.array([1.0, 2.0, 3.0]), series)
    names, ends, data = blocks.pack(points)
    head, places = data[: ends[0]], [names.index(name) for name in wanted]
    cut = head + b"".join(data[ends[place] : ends[place + 1]] for place in places)
    found = blocks.unpack(cut, wanted)
    assert found.steps.tolist() == [4, 6, 9]
    assert list(found.series) == wanted
    for name in wanted:
        assert found.series[name].values.tolist() == series[name].values.tolist()
        assert found.series[name].present.tolist() == series[name].present.tolist()


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.floats(-9, 9), st.just(float("nan"))), min_size=1, max_size=60),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_buckets_of_buckets_are_those_of_their_points(held, size, factor):
    values, steps = np.array(held), np.arange(len(held)) * 3
    times = steps / 2
    fine = levels.of_points(steps, times, values, levels.every(len(steps), size))
    coarse = levels.coarser(fine, factor)
    plain = levels.of_points(steps, times, values, levels.every(len(steps), size * factor))
    back = levels.unpack(levels.pack(coarse))
    for name in ("first_steps", "last_steps", "times", "count", "not_finite"):
        assert getattr(coarse, name).tolist() == getattr(plain, name).tolist()
    some = plain.count > 0
    for name in ("min", "max", "last", "min_steps", "max_steps"):
        assert getattr(coarse, name)[some].tolist() == getattr(plain, name)[some].tolist()
    assert coarse.sum[some] == pytest.approx(plain.sum[some])
    assert all(
        a.tobytes() == b.tobytes() for a, b in zip(back.columns(), coarse.columns(), strict=True)
    )
