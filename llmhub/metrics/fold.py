"""Turns the batches of a run into blocks, and blocks into levels, a piece at a time.

Each piece is one transaction under the Stream's lock: a crash at any moment leaves the state
before it or after it, and both are read alike. Batches are folded in the order of their revisions,
so what a block already holds is always older than what comes to it.

The last block of an attempt is open: it is written anew until it is full, and has no buckets.
Rows that come late change the blocks in which they lie. Buckets from the first such block on are
thrown away, and made anew in pieces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Now

from llmhub.jobs import outbox
from llmhub.metrics import blocks, levels, merge, stored
from llmhub.metrics.codec import Points
from llmhub.metrics.levels import Buckets
from llmhub.metrics.models import Batch, Block, Folded, Level, Stream
from llmhub.metrics.stored import Span
from llmhub.runs.models import Attempt

TASK = "workers.tasks.fold"
# A run's batches are folded when they have so many rows, or are so many.
ENOUGH_ROWS = 2 * blocks.ROWS
ENOUGH_BATCHES = 256
# A run that is over may still deliver what its machine kept.
ENDED_AFTER = timedelta(seconds=10)
# Of one piece; a single batch may be larger.
PIECE_BATCHES = 1024
PIECE_ROWS = 8 * blocks.ROWS
PIECE_VALUES = 1_000_000
PIECE_BLOCKS = 8
# So many blocks have their buckets of the first level in one row, about 1,000; four times as many
# those of the next one.
BLOCKS_A_PART = 16


class Kept(NamedTuple):
    """What is known of a block without reading its points."""

    pk: int
    first_step: int
    last_step: int
    rows: int
    names: int
    number: int | None

    def is_full(self) -> bool:
        return self.rows >= blocks.capacity(self.names)


def is_due(stream: Stream, rows: int) -> bool:
    """Whether the newest batch, of `rows` rows, made the tail long: not for each one after it."""
    before = stream.unfolded_rows - rows
    return (
        before // ENOUGH_ROWS < stream.unfolded_rows // ENOUGH_ROWS
        or (stream.rev - stream.folded_rev) % ENOUGH_BATCHES == 0
    )


def enqueue(run_id: int) -> None:
    outbox.enqueue(TASK, [run_id])


def remind() -> None:
    """Has folded what Redis forgot, and what is left of runs that are over."""
    is_long = Q(unfolded_rows__gte=ENOUGH_ROWS) | Q(rev__gte=F("folded_rev") + ENOUGH_BATCHES)
    is_last = Q(rev__gt=F("folded_rev"), run__ended_at__lt=Now() - ENDED_AFTER)
    for run_id in Stream.objects.filter(is_long | is_last).values_list("pk", flat=True)[:100]:
        enqueue(run_id)


def fold(run_id: int) -> None:
    """All that there is; who has points to add meanwhile waits for one piece at most."""
    while _fold_piece(run_id) or _level_piece(run_id):
        pass


# Batches become blocks


@transaction.atomic
def _fold_piece(run_id: int) -> bool:
    stream = Stream.objects.select_for_update().filter(pk=run_id).first()
    piece = _oldest(run_id) if stream else []
    if stream is None or not piece:
        return False
    last = piece[-1].rev
    numbers: dict[int, list[int]] = defaultdict(list)
    for batch in piece:
        numbers[batch.attempt_id].append(batch.number)
    for attempt, batches in stored.batches([run_id], until=last).items():
        folded = Folded.objects.get_or_create(attempt_id=attempt)[0]
        folded.numbers = with_numbers(folded.numbers, numbers[attempt])
        _add(folded, merge.merged(batches, {}))
        folded.save()
    Batch.objects.filter(run_id=run_id, rev__lte=last).delete()
    stream.folded_rev = last
    stream.unfolded_rows -= sum(batch.rows for batch in piece)
    stream.save(update_fields=["folded_rev", "unfolded_rows"])
    return True


def _oldest(run_id: int) -> list[Batch]:
    """The first batches that are not folded, without their points."""
    piece: list[Batch] = []
    rows = values = 0
    found = Batch.objects.filter(run_id=run_id).order_by("rev").defer("data")
    for batch in found[:PIECE_BATCHES]:
        rows += batch.rows
        values += batch.rows * len(batch.names)
        if piece and (rows > PIECE_ROWS or values > PIECE_VALUES):
            break
        piece.append(batch)
    return piece


def with_numbers(ranges: Sequence[Sequence[int]], numbers: Sequence[int]) -> list[list[int]]:
    """Ranges [first, last] that hold the numbers, too."""
    found: list[list[int]] = []
    for first, last in sorted([*map(list, ranges), *([number, number] for number in numbers)]):
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return found


def holds_number(ranges: Sequence[Sequence[int]], number: int) -> bool:
    return any(first <= number <= last for first, last in ranges)


def _add(folded: Folded, points: Points) -> None:
    """Brings points of an attempt, in the order of their steps, into its blocks."""
    if not len(points):
        return
    attempt = folded.attempt_id
    near = _near(attempt, int(points.steps[0]))
    places = np.searchsorted([block.first_step for block in near[1:]], points.steps, "right")
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    changed: list[Kept] = []
    for start, end in zip(starts, [*starts[1:], len(points)], strict=True):
        part = points.take(slice(start, end))
        block = near[places[start]] if near else None
        is_last = block is near[-1] if near else True
        if block and not (is_last and block.is_full() and part.steps[0] > block.last_step):
            changed.append(block)
            part = merge.joined([_read(attempt, block), part])
            Block.objects.filter(pk=block.pk).delete()
        _write_blocks(attempt, blocks.cut(part))
    levelled = [block for block in changed if block.number is not None]
    if levelled:
        _throw_away_levels(folded, levelled[0])


def _near(attempt: int, step: int) -> list[Kept]:
    """The block in which `step` lies or behind which it comes, and all after it."""
    own = Block.objects.filter(attempt_id=attempt)
    first = own.filter(first_step__lte=step).aggregate(Max("first_step"))["first_step__max"]
    if first is not None:
        own = own.filter(first_step__gte=first)
    columns = ("pk", "first_step", "last_step", "rows", "names__len", "number")
    return [Kept(*row) for row in own.order_by("first_step").values_list(*columns)]


def _read(attempt: int, block: Kept) -> Points:
    [(names, data)] = stored.blocks([Span(attempt, block.first_step, block.first_step)])[attempt]
    return blocks.unpack(data, names)


_INSERT_BLOCK = """
    INSERT INTO metrics_block (attempt_id, first_step, last_step, rows, names, ends, data)
    VALUES (%(attempt)s, %(first)s, %(last)s, %(rows)s, %(names)s, %(ends)s, %(data)s)
"""


def _write_blocks(attempt: int, cut: Iterator[Points]) -> None:
    for points in cut:
        packed = blocks.pack(points)
        row = {
            "attempt": attempt,
            "first": int(points.steps[0]),
            "last": int(points.steps[-1]),
            "rows": len(points),
            **packed._asdict(),
        }
        stored.write(_INSERT_BLOCK, [row])


# Blocks get buckets


def _throw_away_levels(folded: Folded, block: Kept) -> None:
    """Those of this block and all after it."""
    attempt, number = folded.attempt_id, block.number
    assert number is not None
    rows = Level.objects.filter(attempt_id=attempt)
    for level in range(1, levels.TOP + 1):
        part = number // _blocks_a_part(level)
        of_level = rows.filter(level=level)
        of_level.filter(part__gt=part).delete()
        for row in of_level.filter(part=part):
            buckets = levels.unpack(row.data)
            row.delete()
            _write_level(attempt, row.name, level, part, before(buckets, block.first_step))
    Block.objects.filter(attempt_id=attempt, number__gte=number).update(number=None)
    left = Block.objects.filter(attempt_id=attempt, number__lt=number)
    folded.levelled_step = left.aggregate(Max("last_step"))["last_step__max"]


def before(buckets: Buckets, step: int) -> Buckets:
    return buckets.take(buckets.first_steps < step)


def _blocks_a_part(level: int) -> int:
    return int(BLOCKS_A_PART * levels.FACTOR ** (level - 1))


def _level_piece(run_id: int) -> bool:
    return any(_level_attempt(run_id, pk) for pk in _with_closed_blocks(run_id))


def _with_closed_blocks(run_id: int) -> list[int]:
    own = Attempt.objects.filter(run_id=run_id, blocks__number=None, blocks__isnull=False)
    return list(own.values_list("pk", flat=True).distinct().order_by("pk"))


@transaction.atomic
def _level_attempt(run_id: int, attempt: int) -> bool:
    Stream.objects.select_for_update().get(pk=run_id)
    fresh = Block.objects.filter(attempt_id=attempt, number=None).order_by("first_step")
    # The last one is open.
    closed = list(fresh.values_list("pk", "first_step", "last_step")[: PIECE_BLOCKS + 1])[:-1]
    if not closed:
        return False
    done = Block.objects.filter(attempt_id=attempt).aggregate(Max("number"))["number__max"]
    number = 0 if done is None else done + 1
    span = Span(attempt, closed[0][1], closed[-1][2])
    read = stored.blocks([span])[attempt]
    _extend(attempt, number, [blocks.unpack(data, names) for names, data in read])
    for place, (pk, _first, _last) in enumerate(closed):
        Block.objects.filter(pk=pk).update(number=number + place)
    Folded.objects.filter(pk=attempt).update(levelled_step=span.high)
    return True


def _extend(attempt: int, number: int, read: Sequence[Points]) -> None:
    """Adds the buckets of blocks, of which the first has this number, to the levels."""
    parts: dict[tuple[str, int, int], list[Buckets]] = defaultdict(list)
    for place, points in enumerate(read, start=number):
        for name in points.series:
            for level, buckets in enumerate(_pyramid(points, name), start=1):
                parts[name, level, place // _blocks_a_part(level)].append(buckets)
    for row in _open(attempt, number):
        key = (row.name, row.level, row.part)
        parts[key].insert(0, levels.unpack(row.data))
    for (name, level, part), found in parts.items():
        _write_level(attempt, name, level, part, levels.concatenate(found))


def _pyramid(points: Points, name: str) -> Iterator[Buckets]:
    """The buckets of a block, level by level; none where the block has no value of the name."""
    present, values = points.series[name]
    steps, times, values = points.steps[present], points.times[present], values[present]
    starts = levels.every(len(steps), levels.FIRST)
    buckets = levels.of_points(steps, times, values, starts)
    for _ in range(levels.TOP):
        yield buckets
        buckets = levels.coarser(buckets, levels.FACTOR)


def _open(attempt: int, number: int) -> Any:
    """The rows to which the buckets of the block with this number belong."""
    parts = Q()
    for level in range(1, levels.TOP + 1):
        parts |= Q(level=level, part=number // _blocks_a_part(level))
    return Level.objects.filter(parts, attempt_id=attempt)


_UPSERT_LEVEL = """
    INSERT INTO metrics_level
        (attempt_id, name, level, part, first_step, last_step, buckets, points, data)
    VALUES (%(attempt)s, %(name)s, %(level)s, %(part)s, %(first)s, %(last)s, %(buckets)s,
        %(points)s, %(data)s)
    ON CONFLICT (attempt_id, name, level, part) DO UPDATE SET last_step = excluded.last_step,
        buckets = excluded.buckets, points = excluded.points, data = excluded.data
"""


def _write_level(attempt: int, name: str, level: int, part: int, buckets: Buckets) -> None:
    if not len(buckets):
        return
    row = {
        "attempt": attempt,
        "name": name,
        "level": level,
        "part": part,
        "first": int(buckets.first_steps[0]),
        "last": int(buckets.last_steps[-1]),
        "buckets": len(buckets),
        "points": buckets.points,
        "data": levels.pack(buckets),
    }
    stored.write(_UPSERT_LEVEL, [row])
