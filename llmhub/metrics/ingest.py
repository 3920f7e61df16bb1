"""The one way in for numbers: a batch of an attempt becomes one row, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from llmhub.metrics import blocks, codec, fold, merge, messages, stored, summaries, wire
from llmhub.metrics.codec import Points
from llmhub.metrics.models import Batch, Block, Folded, Stream
from llmhub.metrics.wire import BadPoints, Value
from llmhub.runs.models import Attempt

# A supervisor flushes a dead trainer's journal; a node that was cut off does so later. Points of a
# replaced attempt are still what it measured: they fill the steps that no newer attempt has.
GRACE = timedelta(days=1)
MAX_NUMBER = 2**62
# A larger batch is packed at once: 3 to 7 of its 8 bytes a value are written.
PACKED_BYTES = 64 * 1024


class Stale(Exception):
    """The attempt is over for longer than GRACE: its token opens nothing any more."""


class Accepted(NamedTuple):
    rev: int
    duplicate: bool


def append(
    attempt: Attempt,
    number: int,
    steps: Sequence[int],
    times: Sequence[float],
    series: Mapping[str, Sequence[Value]],
) -> Accepted:
    """Stores a batch unless it was stored before. Raises BadPoints or Stale."""
    return add(attempt, number, wire.read(steps, times, series))


def add(attempt: Attempt, number: int, points: Points) -> Accepted:
    """The same with points that were checked."""
    require_open(attempt)
    if not 0 <= number <= MAX_NUMBER:
        raise BadPoints(f"batch: from 0 to {MAX_NUMBER}")
    return _store(attempt, number, points)


def require_open(attempt: Attempt) -> None:
    if attempt.ended_at is not None and attempt.ended_at < timezone.now() - GRACE:
        raise Stale


@transaction.atomic
def _store(attempt: Attempt, number: int, points: Points) -> Accepted:
    stream = _locked_stream(attempt.run_id)
    if (rev := _rev_of(attempt, number, stream)) is not None:
        return Accepted(rev, duplicate=True)
    goes_back = _note_first_step(stream, attempt, int(points.steps.min()))
    stream.rev += 1
    stream.epoch += goes_back
    stream.unfolded_rows += len(points)
    stream.save(update_fields=["rev", "epoch", "first_steps", "unfolded_rows"])
    _insert(attempt, number, stream.rev, points)
    points = merge.holding(points, merge.end_of(attempt.number, stream.first_steps))
    if goes_back:
        rows = summaries.rebuild(attempt.run_id, points.series)
    else:
        rows = summaries.update(attempt.run_id, merge.latest(points))
    messages.publish(attempt.run, stream, points, rows)
    if fold.is_due(stream, len(points)):
        fold.enqueue(attempt.run_id)
    return Accepted(stream.rev, duplicate=False)


def _rev_of(attempt: Attempt, number: int, stream: Stream) -> int | None:
    """Where the batch was accepted before; of one that was folded, a revision that includes it."""
    known = Batch.objects.filter(attempt=attempt, number=number).values_list("rev", flat=True)
    if (rev := known.first()) is not None:
        return rev
    folded = Folded.objects.filter(attempt=attempt).first() if stream.folded_rev else None
    if folded and fold.holds_number(folded.numbers, number):
        return stream.folded_rev
    return None


def _locked_stream(run_id: int) -> Stream:
    locked = Stream.objects.select_for_update()
    stream = locked.filter(pk=run_id).first()
    if stream is None:
        Stream.objects.bulk_create([Stream(run_id=run_id)], ignore_conflicts=True)
        stream = locked.get(pk=run_id)
    return stream


def _note_first_step(stream: Stream, attempt: Attempt, step: int) -> bool:
    """Whether points of older attempts, which were shown, hold no longer because of this step."""
    before = stream.first_steps.get(str(attempt.number))
    if before is not None and before <= step:
        return False
    stream.first_steps[str(attempt.number)] = step
    older = {"attempt__number__lt": attempt.number, "last_step__gte": step}
    return (
        Batch.objects.filter(run_id=attempt.run_id, **older).exists()
        or Block.objects.filter(attempt__run_id=attempt.run_id, **older).exists()
    )


def _insert(attempt: Attempt, number: int, rev: int, points: Points) -> None:
    is_packed = 8 * len(points) * len(points.series) > PACKED_BYTES
    packed = blocks.pack(points) if is_packed else codec.packed(points)
    row = {
        "run": attempt.run_id,
        "attempt": attempt.pk,
        "number": number,
        "rev": rev,
        "first": int(points.steps.min()),
        "last": int(points.steps.max()),
        "rows": len(points),
        "is_packed": is_packed,
        **packed._asdict(),
    }
    stored.write(_INSERT, [row])


_INSERT = """
    INSERT INTO metrics_batch (run_id, attempt_id, number, rev, first_step, last_step, rows,
        names, ends, data, is_packed, received_at)
    VALUES (%(run)s, %(attempt)s, %(number)s, %(rev)s, %(first)s, %(last)s, %(rows)s,
        %(names)s, %(ends)s, %(data)s, %(is_packed)s, now())
"""
