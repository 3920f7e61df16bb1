"""Which points hold: the newest attempt from its first step on, the latest row of a step."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from llmhub.metrics import codec, merge
from llmhub.metrics.codec import Column, Points
from llmhub.metrics.merge import Stored


def batch(attempt, rows, start=0.0):
    """Rows are (step, {name: value}); times count up, so that every row can be told from others."""
    names = list(dict.fromkeys(name for _, values in rows for name in values))
    columns = {
        name: Column(
            np.array([name in values for _, values in rows]),
            np.array([values.get(name, 0.0) for _, values in rows]),
        )
        for name in names
    }
    steps = np.array([step for step, _ in rows], np.int64)
    points = Points(steps, start + np.arange(len(rows), dtype=float), columns)
    return Stored(attempt, len(rows), names, codec.encode(points))


def curve(points, name):
    present, values = points.series[name]
    return list(zip(points.steps[present].tolist(), values[present].tolist(), strict=True))


def test_rows_come_in_the_order_of_their_steps():
    found = merge.merged([batch(1, [(3, {"a": 3.0}), (1, {"a": 1.0})])], {"1": 1})
    assert curve(found, "a") == [(1, 1.0), (3, 3.0)]


def test_a_newer_attempt_replaces_older_ones_from_its_first_step_on():
    older = batch(1, [(step, {"a": 1.0}) for step in range(1, 7)])
    newer = batch(2, [(step, {"a": 2.0}) for step in range(4, 6)])
    found = merge.merged([older, newer], {"1": 1, "2": 4})
    assert curve(found, "a") == [(1, 1.0), (2, 1.0), (3, 1.0), (4, 2.0), (5, 2.0)]


def test_what_an_older_attempt_sends_late_fills_only_the_steps_before():
    newer = batch(2, [(4, {"a": 2.0})])
    late = batch(1, [(3, {"a": 1.0}), (4, {"a": 1.0}), (5, {"a": 1.0})])
    found = merge.merged([newer, late], {"1": 3, "2": 4})
    assert curve(found, "a") == [(3, 1.0), (4, 2.0)]


def test_the_later_row_of_a_step_wins_metric_by_metric():
    first = batch(1, [(1, {"a": 1.0, "b": 1.0}), (2, {"a": 2.0})])
    again = batch(1, [(1, {"a": 9.0})])
    found = merge.merged([first, again], {"1": 1})
    assert curve(found, "a") == [(1, 9.0), (2, 2.0)]
    assert curve(found, "b") == [(1, 1.0)]


def test_a_row_that_was_replaced_altogether_is_gone():
    found = merge.merged([batch(1, [(1, {"a": 1.0})]), batch(1, [(1, {"a": 2.0})])], {"1": 1})
    assert found.steps.tolist() == [1]


def test_only_the_named_metrics_are_read():
    found = merge.merged([batch(1, [(1, {"a": 1.0, "b": 2.0})])], {"1": 1}, names=["b", "c"])
    assert list(found.series) == ["b"]


def test_no_batches_make_no_points():
    assert len(merge.merged([], {})) == 0


values = st.dictionaries(st.sampled_from("abc"), st.floats(-9, 9), min_size=1)
rows = st.lists(st.tuples(st.integers(0, 12), values), min_size=1, max_size=6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), rows), max_size=12))
def test_merging_gives_what_replaying_row_by_row_gives(sent):
    first_steps: dict[str, int] = {}
    for attempt, logged in sent:
        lowest = min(step for step, _ in logged)
        first_steps[str(attempt)] = min(lowest, first_steps.get(str(attempt), lowest))
    expected: dict[str, dict[int, float]] = {}
    for attempt, logged in sent:
        ends = [step for number, step in first_steps.items() if int(number) > attempt]
        for step, named in logged:
            if all(step < end for end in ends):
                for name, value in named.items():
                    expected.setdefault(name, {})[step] = value
    found = merge.merged([batch(attempt, logged) for attempt, logged in sent], first_steps)
    shown = {name: dict(curve(found, name)) for name in found.series}
    assert {name: points for name, points in shown.items() if points} == expected
    for name in found.series:
        assert [step for step, _ in curve(found, name)] == sorted(shown[name])
