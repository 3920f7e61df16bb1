"""When a run is folded, and that folding and adding points do not harm each other."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from llmhub.jobs.models import Dispatch
from llmhub.metrics import blocks, fold, ingest, query
from llmhub.metrics.models import Batch, Block, Folded, Stream

pytestmark = pytest.mark.django_db


def add(attempt, number, first, rows=1):
    steps = list(range(first, first + rows))
    return ingest.append(attempt, number, steps, [1.0] * rows, {"a": [float(s) for s in steps]})


def asked():
    return list(Dispatch.objects.filter(task=fold.TASK).values_list("args", flat=True))


def test_a_long_tail_is_folded_once_for_each_time_it_grew_long(run, attempt):
    half = fold.ENOUGH_ROWS // 2
    for number in range(5):
        add(attempt, number, number * half, half)
    assert asked() == [[run.pk], [run.pk]]


def test_many_small_batches_are_folded_too(run, attempt, monkeypatch):
    monkeypatch.setattr(fold, "ENOUGH_BATCHES", 3)
    for number in range(7):
        add(attempt, number, number)
    assert asked() == [[run.pk], [run.pk]]


def test_what_was_forgotten_and_what_is_over_is_reminded_of(run, attempt):
    add(attempt, 0, 0)
    fold.remind()
    assert asked() == []
    run.ended_at = timezone.now() - timedelta(minutes=1)
    run.save()
    fold.remind()
    assert asked() == [[run.pk]]
    fold.fold(run.pk)
    fold.remind()
    assert asked() == [[run.pk]]
    Stream.objects.update(unfolded_rows=fold.ENOUGH_ROWS, rev=5)
    fold.remind()
    assert len(asked()) == 2


def test_the_last_block_is_filled_before_another_begins(run, attempt):
    for number, rows in enumerate((10, 20, blocks.ROWS)):
        add(attempt, number, number * 5_000, rows)
        fold.fold(run.pk)
    held = Block.objects.order_by("first_step").values_list("rows", flat=True)
    assert list(held) == [blocks.ROWS, 30]
    assert Folded.objects.get().numbers == [[0, 2]]


def test_a_late_row_changes_only_the_block_in_which_it_lies(run, attempt):
    add(attempt, 0, 0, 3 * blocks.ROWS)
    fold.fold(run.pk)
    before = dict(Block.objects.values_list("first_step", "pk"))
    ingest.append(attempt, 1, [5_000], [1.0], {"a": [-7.0]})
    fold.fold(run.pk)
    after = dict(Block.objects.values_list("first_step", "pk"))
    assert before.keys() == after.keys()
    assert {step for step in before if before[step] != after[step]} == {blocks.ROWS}
    assert list(Block.objects.order_by("first_step").values_list("number", flat=True)) == [
        0,
        1,
        None,
    ]
    points = query.merged(Stream.objects.get())
    assert points.series["a"].values[5_000] == -7.0
    assert len(points) == 3 * blocks.ROWS


def test_folding_nothing_is_nothing(run):
    fold.fold(run.pk)
    fold.fold(987654321)
    assert not Stream.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_points_that_come_while_others_are_folded_count_once(run, attempt, monkeypatch):
    monkeypatch.setattr(blocks, "capacity", lambda names: 16)
    monkeypatch.setattr(fold, "PIECE_ROWS", 40)

    def work(number):
        try:
            if number % 3 == 2:
                return fold.fold(run.pk)
            # Each batch is sent twice, by two at once.
            return add(attempt, number // 6, number // 6 * 10, 10)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(240)))
    fold.fold(run.pk)
    assert not Batch.objects.exists()
    points = query.merged(Stream.objects.get())
    assert points.steps.tolist() == list(range(400))
    assert points.series["a"].values.tolist() == [float(step) for step in range(400)]
    assert Stream.objects.get().rev == 40
    assert Folded.objects.get().numbers == [[0, 39]]
