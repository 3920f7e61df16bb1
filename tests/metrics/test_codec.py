"""What goes into `Batch.data` comes out again, bit by bit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from llmhub.metrics import codec
from llmhub.metrics.codec import Column, Points

NAMES = ["train/loss", "val/loss", "grad", "a", "b"]


SOME = st.integers(1, 40)


@st.composite
def points(draw, rows=SOME, names=None):
    n = draw(rows)
    named = names or draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
    floats = arrays.arrays(np.float64, n, elements=st.floats(width=64))
    presence = arrays.arrays(np.bool_, n)
    return Points(
        draw(arrays.arrays(np.int64, n, elements=st.integers(0, 2**53))),
        draw(arrays.arrays(np.float64, n, elements=st.floats(0, 2**33))),
        {name: Column(draw(presence), draw(floats)) for name in named},
    )


def same_bits(left, right):
    """Equal values, the sign of zero included; any NaN equals any other."""
    quiet = [np.where(np.isnan(values), np.nan, values).view(np.uint64) for values in (left, right)]
    return (quiet[0] == quiet[1]).all()


@settings(deadline=None)
@given(points())
def test_every_bit_of_every_value_comes_back(before):
    after = codec.decode(codec.encode(before), len(before), list(before.series))
    assert (after.steps == before.steps).all()
    assert same_bits(after.times, before.times)
    assert list(after.series) == list(before.series)
    for name, (present, values) in before.series.items():
        assert (after.series[name].present == present).all()
        assert same_bits(after.series[name].values[present], values[present])


@settings(deadline=None)
@given(st.data())
def test_batches_of_one_layout_are_decoded_together(data):
    rows = st.just(data.draw(st.integers(1, 20)))
    batches = data.draw(st.lists(points(rows, NAMES), min_size=1, max_size=5))
    together = codec.decode_alike(
        [codec.encode(batch) for batch in batches], len(batches[0]), NAMES, ["val/loss"]
    )
    assert list(together.series) == ["val/loss"]
    assert (together.steps == np.concatenate([batch.steps for batch in batches])).all()
    columns = [batch.series["val/loss"] for batch in batches]
    present = np.concatenate([column.present for column in columns])
    values = np.concatenate([column.values for column in columns])
    assert (together.series["val/loss"].present == present).all()
    assert same_bits(together.series["val/loss"].values[present], values[present])


def test_a_nan_with_a_payload_becomes_the_one_quiet_nan():
    odd = np.array([0x7FF0000000000001, 0xFFF8000000000123], np.uint64).view(np.float64)
    before = Points(np.array([1, 2]), np.zeros(2), {"x": Column(np.ones(2, bool), odd)})
    after = codec.decode(codec.encode(before), 2, ["x"])
    assert (after.series["x"].values.view(np.uint64) == 0x7FF8000000000000).all()


def test_the_layout_is_the_one_that_is_written_down():
    before = Points(
        np.array([7, 8, 9]),
        np.array([1.0, 2.0, 3.0]),
        {"x": Column(np.array([True, False, True]), np.array([0.5, 99.0, -0.5]))},
    )
    data = codec.encode(before)
    assert data[:24] == np.array([7, 8, 9], "<i8").tobytes()
    assert data[24:48] == np.array([1, 2, 3], "<f8").tobytes()
    assert data[48:49] == bytes([0b10100000])
    assert data[49:] == np.array([0.5, 0.0, -0.5], "<f8").tobytes()
