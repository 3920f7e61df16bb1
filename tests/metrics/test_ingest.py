"""A batch counts once, whoever sends it how often, and the tables know of it at once."""

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from llmhub.lib.batches import MAX_ROWS
from llmhub.metrics import ingest, query
from llmhub.metrics.models import Batch, Series, Stream
from llmhub.metrics.wire import BadPoints
from tests.factories import make_attempt, make_run

pytestmark = pytest.mark.django_db


def append(attempt, number, first, losses, **series):
    steps = list(range(first, first + len(losses)))
    columns = {"train/loss": losses, **series}
    return ingest.append(attempt, number, steps, [1000.0 + step for step in steps], columns)


def shown(run, name="train/loss", **cursor):
    columns = query.points(run, **cursor)["columns"]
    pairs = zip(columns["steps"], columns["series"].get(name, []), strict=False)
    return [(step, value) for step, value in pairs if value is not None]


def test_points_are_read_as_they_were_sent(run, attempt):
    accepted = append(attempt, 1, 1, [3.5, "NaN", "-Infinity", 0.1], other=[None, None, 7, None])
    assert accepted == (1, False)
    assert query.points(run) == {
        "run": run.pk,
        "epoch": 0,
        "rev": 1,
        "reset": True,
        "columns": {
            "steps": [1, 2, 3, 4],
            "times": [1001.0, 1002.0, 1003.0, 1004.0],
            "series": {
                "train/loss": [3.5, "NaN", "-Infinity", 0.1],
                "other": [None, None, 7.0, None],
            },
        },
    }


def test_a_resent_batch_counts_once(run, attempt):
    append(attempt, 1, 1, [3.0])
    append(attempt, 2, 2, [2.0])
    assert append(attempt, 1, 1, [3.0]) == (1, True)
    assert Batch.objects.count() == 2
    assert Series.objects.get(name="train/loss").count == 2
    assert query.points(run)["rev"] == 2


def test_two_attempts_may_use_the_same_number(run, attempt):
    append(attempt, 1, 1, [3.0])
    second, _ = make_attempt(run)
    assert not append(second, 1, 2, [2.0]).duplicate


def test_a_cursor_gets_only_what_is_new(run, attempt):
    append(attempt, 1, 1, [3.0])
    append(attempt, 2, 2, [2.0])
    answer = query.points(run, since=1, epoch=0)
    assert (answer["reset"], answer["rev"], answer["columns"]["steps"]) == (False, 2, [2])
    assert query.points(run, since=2, epoch=0)["columns"]["steps"] == []


@pytest.mark.parametrize("cursor", [{"since": 1, "epoch": 7}, {"since": 9, "epoch": 0}])
def test_a_cursor_that_is_void_starts_from_the_beginning(run, attempt, cursor):
    append(attempt, 1, 1, [3.0])
    append(attempt, 2, 2, [2.0])
    answer = query.points(run, **cursor)
    assert (answer["reset"], answer["columns"]["steps"]) == (True, [1, 2])


def test_a_run_that_never_reported_has_an_empty_curve(run):
    answer = query.points(run)
    assert (answer["rev"], answer["reset"], answer["columns"]["steps"]) == (0, True, [])


def test_a_resumed_run_replaces_what_it_trains_again(run, attempt):
    append(attempt, 1, 1, [5.0, 4.0, 3.0, 2.0])
    second, _ = make_attempt(run)
    append(second, 1, 3, [3.5])
    assert shown(run) == [(1, 5.0), (2, 4.0), (3, 3.5)]
    assert query.points(run, since=1, epoch=0)["reset"]
    row = Series.objects.get(name="train/loss")
    assert (row.count, row.last, row.last_step, row.min) == (3, 3.5, 3, 3.5)


def test_a_run_that_goes_on_where_it_stopped_keeps_the_cursors_of_open_pages(run, attempt):
    append(attempt, 1, 1, [5.0, 4.0])
    second, _ = make_attempt(run)
    append(second, 1, 3, [3.0])
    assert shown(run, since=1, epoch=0) == [(3, 3.0)]


def test_what_a_replaced_attempt_sends_late_fills_only_its_own_steps(run, attempt):
    append(attempt, 1, 1, [5.0])
    second, _ = make_attempt(run)
    append(second, 1, 3, [3.0])
    append(attempt, 2, 2, [4.0, 99.0, 99.0])
    assert shown(run) == [(1, 5.0), (2, 4.0), (3, 3.0)]
    row = Series.objects.get(name="train/loss")
    assert (row.count, row.last, row.max) == (3, 3.0, 5.0)


def test_an_attempt_that_ended_may_still_deliver_what_it_measured(attempt):
    attempt.ended_at = timezone.now() - timedelta(hours=1)
    assert not append(attempt, 1, 1, [1.0]).duplicate


def test_a_token_is_worth_nothing_long_after_its_attempt(attempt):
    attempt.ended_at = timezone.now() - ingest.GRACE - timedelta(minutes=1)
    with pytest.raises(ingest.Stale):
        append(attempt, 1, 1, [1.0])


def test_summaries_know_extremes_their_steps_and_what_was_not_finite(attempt):
    append(attempt, 1, 1, [3.0, "NaN", 9.0])
    append(attempt, 2, 4, [1.0, "Infinity", 2.0])
    row = Series.objects.get(name="train/loss")
    assert (row.count, row.not_finite, row.last, row.last_step) == (6, 2, 2.0, 6)
    assert (row.min, row.min_step, row.max, row.max_step) == (1.0, 4, 9.0, 3)
    assert row.spark == [3.0, 9.0, 1.0, 2.0]


def test_a_last_value_that_is_not_a_number_is_remembered_as_such(attempt):
    append(attempt, 1, 1, [3.0, "NaN"])
    assert str(Series.objects.get(name="train/loss").last) == "nan"


@pytest.mark.parametrize("size", [1, 7, 500])
def test_the_sparkline_holds_every_nth_value_however_they_came(attempt, size):
    values = [float(value) for value in range(1000)]
    for number, start in enumerate(range(0, len(values), size)):
        append(attempt, number, start, values[start : start + size])
    row = Series.objects.get(name="train/loss")
    assert 32 < len(row.spark) <= 64
    assert row.spark == values[:: row.spark_stride]


GOOD: dict[str, Any] = {"steps": [1, 2], "times": [1.0, 2.0], "series": {"a": [1.0, None]}}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"steps": []}, "steps"),
        ({"steps": [-1, 2]}, "steps"),
        ({"steps": [1, 2**63]}, "steps"),
        ({"steps": list(range(MAX_ROWS + 1))}, "steps"),
        ({"times": [1.0]}, "times"),
        ({"times": [1.0, math.nan]}, "times"),
        ({"times": [1.0, 1.7e12]}, "times"),
        ({"series": {}}, "series"),
        ({"series": {"a b": [1.0, 2.0]}}, "series"),
        ({"series": {"x" * 201: [1.0, 2.0]}}, "series"),
        ({"series": {f"m{i}": [1.0, 2.0] for i in range(501)}}, "series"),
        ({"series": {"a": [1.0]}}, "series.a"),
        ({"series": {"a": [1.0, "one"]}}, "series.a"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused_by_the_name_of_its_field(attempt, wrong, field):
    with pytest.raises(BadPoints, match=rf"^{field}:"):
        ingest.append(attempt, 1, **(GOOD | wrong))
    assert not Batch.objects.exists()


@pytest.mark.parametrize("number", [-1, 2**63])
def test_a_number_that_cannot_be_is_refused(attempt, number):
    with pytest.raises(BadPoints, match=r"^batch:"):
        ingest.append(attempt, number, **GOOD)


def test_a_batch_costs_the_same_queries_however_large_and_however_late(
    attempt, django_assert_num_queries
):
    append(attempt, 1, 1, [1.0])
    for number, first, rows, names in [(2, 2, 1, 1), (3, 3, 500, 40)]:
        series = {f"m{i}": [1.0] * rows for i in range(names)}
        with django_assert_num_queries(9):
            ingest.append(attempt, number, list(range(first, rows + first)), [1.0] * rows, series)


def test_a_late_batch_costs_the_same_queries_however_large(attempt, django_assert_num_queries):
    append(attempt, 1, 1, [1.0] * 9, a=[1.0] * 9)
    with django_assert_num_queries(12):
        append(attempt, 2, 3, [2.0])
    with django_assert_num_queries(12):
        append(attempt, 3, 2, [2.0] * 4, a=[2.0] * 4)


def test_reading_costs_the_same_queries_however_long_the_curve(
    run, attempt, django_assert_num_queries
):
    for number in range(30):
        append(attempt, number, number * 10, [1.0] * 10)
    with django_assert_num_queries(3):
        query.points(run)


def test_summaries_of_many_runs_are_one_query(attempt, django_assert_num_queries):
    append(attempt, 1, 1, [2.0], **{"val/loss": [3.0]})
    other, _ = make_attempt(make_run(attempt.run.project))
    append(other, 1, 1, [4.0])
    with django_assert_num_queries(1):
        found = query.series([attempt.run_id, other.run_id], ["train/loss"])
    assert found[attempt.run_id]["train/loss"].last == 2.0
    assert found[other.run_id]["train/loss"].last == 4.0
    assert list(found[attempt.run_id]) == ["train/loss"]


@pytest.mark.django_db(transaction=True)
def test_batches_that_race_are_numbered_without_gaps_and_counted_once(run, attempt):
    def send(number):
        try:
            return append(attempt, number % 10, number % 10, [float(number % 10)])
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        accepted = list(pool.map(send, range(40)))
    assert sum(not one.duplicate for one in accepted) == 10
    assert sorted(Batch.objects.values_list("rev", flat=True)) == list(range(1, 11))
    assert Stream.objects.get(pk=run.pk).rev == 10
    assert shown(run) == [(step, float(step)) for step in range(10)]
    assert Series.objects.get().count == 10
