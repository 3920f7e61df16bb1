"""Long curves lose points, never a spike."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from llmhub.metrics import thin
from llmhub.metrics.codec import Column, Points


def curve(values, present=None):
    values = np.asarray(values, float)
    kept = np.ones(len(values), bool) if present is None else np.asarray(present)
    return Points(
        np.arange(len(values)), np.arange(len(values), dtype=float), {"a": Column(kept, values)}
    )


def test_a_short_curve_stays_as_it_is():
    points = curve(range(100))
    assert thin.thinned(points, max_rows=100) == (points, False)


def test_a_single_spike_in_a_million_points_is_kept():
    values = np.full(1_000_000, 2.0)
    values[123_457] = 900.0
    values[654_321] = -5.0
    found, is_thinned = thin.thinned(curve(values))
    kept = dict(zip(found.steps.tolist(), found.series["a"].values.tolist(), strict=True))
    assert is_thinned
    assert len(found) <= thin.MAX_ROWS
    assert (kept[123_457], kept[654_321]) == (900.0, -5.0)


def test_a_nan_is_kept():
    values = np.sin(np.arange(50_000.0))
    values[33_333] = np.nan
    found, _ = thin.thinned(curve(values))
    assert np.isnan(found.series["a"].values[found.steps == 33_333]).all()
    assert 33_333 in found.steps


def test_a_metric_that_is_logged_rarely_keeps_its_points_beside_one_that_is_logged_often():
    n = 100_000
    often = np.random.default_rng(1).normal(size=n)
    rarely = np.arange(n) % 1000 == 0
    points = Points(
        np.arange(n),
        np.arange(n, dtype=float),
        {"often": Column(np.ones(n, bool), often), "rarely": Column(rarely, often)},
    )
    found, _ = thin.thinned(points)
    assert found.series["rarely"].present.sum() >= 100


def test_many_metrics_share_the_bound_of_one_answer():
    n = 5_000
    generator = np.random.default_rng(1)
    series = {f"m{i}": Column(np.ones(n, bool), generator.normal(size=n)) for i in range(400)}
    found, is_thinned = thin.thinned(Points(np.arange(n), np.zeros(n), series))
    assert is_thinned
    assert len(found) * len(series) <= thin.MAX_VALUES
    # Here not even one stretch would fit without its extremes.
    for name, column in series.items():
        assert found.series[name].values.max() == column.values.max()
        assert found.series[name].values.min() == column.values.min()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=60, max_size=400),
    st.integers(20, 50),
)
def test_extremes_ends_and_trouble_survive_any_thinning(values, max_rows):
    present = np.array([value is not None for value in values])
    points = curve([0.0 if value is None else value for value in values], present)
    found, _ = thin.thinned(points, max_rows)
    assert len(found) <= max_rows
    assert set(found.steps.tolist()) <= set(range(len(values)))
    before, after = (part.series["a"] for part in (points, found))
    finite = before.values[before.present & np.isfinite(before.values)]
    if len(finite):
        left = after.values[after.present & np.isfinite(after.values)]
        assert (left.min(), left.max()) == (finite.min(), finite.max())
    broken = (before.present & ~np.isfinite(before.values)).any()
    assert broken == (after.present & ~np.isfinite(after.values)).any()
    shown = np.flatnonzero(present)
    if len(shown):
        assert after.present.any()
