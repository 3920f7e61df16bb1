"""Reading: the curves of a run as they hold, from the beginning or from a page's cursor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict

import numpy as np
from django.db.models import Sum

from llmhub.lib import metric_names
from llmhub.lib.batches import MAX_NAMES
from llmhub.metrics import blocks, merge, stored, thin, windows, wire
from llmhub.metrics.codec import Column, Floats, Points
from llmhub.metrics.models import Block, Series, Stream
from llmhub.metrics.windows import Curve, Window
from llmhub.metrics.wire import Columns
from llmhub.runs.models import Run


class Snapshot(TypedDict):
    run: int
    epoch: int
    rev: int
    # The answer begins at the beginning: what the page had before holds no longer.
    reset: bool
    columns: Columns
    # Points were left out of long curves, but no extreme one.
    thinned: NotRequired[bool]


# A page that asks for more of what is folded is given buckets' landmarks in place of rows.
MAX_VALUES = 5_000_000


class BadQuery(ValueError):
    """What is wrong with what was asked for."""


def names_in(text: str) -> list[str] | None:
    """The metrics of a comma-separated list; None for all."""
    names = [name for name in text.split(",") if name]
    if len(names) > MAX_NAMES or not all(map(metric_names.is_valid, names)):
        raise BadQuery(f"names: at most {MAX_NAMES} names of metrics, separated by commas")
    return names or None


def points(
    run: Run,
    since: int | None = None,
    epoch: int | None = None,
    names: Sequence[str] | None = None,
) -> Snapshot:
    """What is new after the cursor (`since`, `epoch`), or everything where the cursor is void."""
    with stored.snapshot():
        return _points(run, since, epoch, names)


def _points(
    run: Run, since: int | None, epoch: int | None, names: Sequence[str] | None
) -> Snapshot:
    stream = Stream.objects.filter(pk=run.pk).first() or Stream(run=run)
    # What was folded is told no more batch by batch.
    reset = since is None or epoch != stream.epoch or not stream.folded_rev <= since <= stream.rev
    start = 0 if reset or since is None else since
    found, is_thinned = _thinned(stream, start, names)
    answer: Snapshot = {
        "run": run.pk,
        "epoch": stream.epoch,
        "rev": stream.rev,
        "reset": reset,
        "columns": wire.write(found),
    }
    if is_thinned:
        answer["thinned"] = True
    return answer


def _thinned(stream: Stream, since: int, names: Sequence[str] | None) -> tuple[Points, bool]:
    if not since and stream.folded_rev and _folded_values(stream, names) > MAX_VALUES:
        return _from_levels(stream, names), True
    return thin.thinned(merged(stream, since, names))


def _folded_values(stream: Stream, names: Sequence[str] | None) -> int:
    rows = Block.objects.filter(attempt__run_id=stream.pk).aggregate(sum=Sum("rows"))["sum"] or 0
    own = Series.objects.filter(run_id=stream.pk)
    return int(rows * (len(names) if names is not None else own.count()))


def merged(stream: Stream, since: int = 0, names: Sequence[str] | None = None) -> Points:
    """What holds of the batches after `since`, of all where it is 0."""
    parts: list[Points] = []
    sources = stored.sources([stream.pk])
    if not since and stream.folded_rev:
        spans = [part.span for part in windows.asked(sources, Window())]
        held = stored.blocks(spans, names)
        parts = [
            merge.holding(blocks.unpack(data, has), span.high + 1)
            for span in spans
            for has, data in held.get(span.attempt, [])
        ]
    for batches in stored.batches([stream.pk], names, since).values():
        parts.append(merge.merged(batches, stream.first_steps, names))
    return merge.joined(parts)


def _from_levels(stream: Stream, names: Sequence[str] | None) -> Points:
    """Of long curves the extreme and the last points of each bucket, at about their times."""
    if names is None:
        names = list(Series.objects.filter(run_id=stream.pk).values_list("name", flat=True))
    px = max(10, min(thin.MAX_ROWS, thin.MAX_VALUES // max(1, len(names))) // 12)
    curves = windows.read(stored.sources([stream.pk]), names, Window(px=px))
    return merge.joined([_landmarks(name, curve) for (_, name), curve in curves.items()])


def _landmarks(name: str, curve: Curve) -> Points:
    buckets = curve.buckets
    if not curve.level:
        return Points(buckets.first_steps, buckets.times, {name: _column(buckets.last)})
    rows = np.flatnonzero(buckets.count)
    found = buckets.take(rows)
    steps = np.concatenate([found.min_steps, found.max_steps, found.last_steps])
    values = np.concatenate([found.min, found.max, found.last])
    times = np.interp(steps, buckets.last_steps, buckets.times)
    order = np.argsort(steps, kind="stable")
    return Points(steps[order], times[order], {name: _column(values[order])})


def _column(values: Floats) -> Column:
    return Column(np.ones(len(values), bool), values)


def series(
    run_ids: Iterable[int], names: Iterable[str] | None = None
) -> dict[int, dict[str, Series]]:
    """The summaries of many runs by run and name, in one query."""
    rows = Series.objects.filter(run_id__in=list(run_ids))
    if names is not None:
        rows = rows.filter(name__in=list(names))
    found: dict[int, dict[str, Series]] = defaultdict(dict)
    for row in rows.order_by("name"):
        found[row.run_id][row.name] = row
    return dict(found)
