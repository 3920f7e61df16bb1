"""From batches in the order of their acceptance to the curves that people see.

Two rules say which points hold. From the first step that an attempt reported on, it replaces
the attempts before it: a resumed run went back to a checkpoint and trains those steps again.
Within what is left, the later row of a step replaces the value of the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from llmhub.metrics import blocks, codec
from llmhub.metrics.codec import Bools, Buffer, Column, Ints, Points


class Stored(NamedTuple):
    """A batch as it lies in the database; batches come in the order of their `rev`."""

    attempt: int
    rows: int
    names: list[str]
    data: Buffer
    is_packed: bool = False


def end_of(attempt: int, first_steps: Mapping[str, int]) -> int | None:
    """The step from which a newer attempt holds instead; None while there is none.

    `first_steps` is `Stream.first_steps`: the lowest step of each attempt by its number.
    """
    newer = [step for number, step in first_steps.items() if int(number) > attempt]
    return min(newer, default=None)


def holding(points: Points, end: int | None) -> Points:
    """The points of an attempt that no newer attempt has replaced."""
    if end is None or (points.steps < end).all():
        return points
    return points.take(points.steps < end)


def merged(
    batches: Iterable[Stored], first_steps: Mapping[str, int], names: Sequence[str] | None = None
) -> Points:
    """What holds of the batches, in the order of the steps. Every row is one that was logged."""
    parts: list[Points] = []
    for layout, alike in groupby(batches, _layout):
        wanted = [name for name in layout.names if names is None or name in names]
        end = end_of(layout.attempt, first_steps)
        parts += [holding(part, end) for part in _decoded(layout, list(alike), wanted)]
    return joined(parts)


def joined(parts: Sequence[Points]) -> Points:
    """What holds of parts that came one after another."""
    found = dict.fromkeys(name for part in parts for name in part.series)
    return latest(codec.concatenate(parts, list(found)))


def _layout(batch: Stored) -> Stored:
    return batch._replace(data=b"")


def _decoded(layout: Stored, batches: list[Stored], wanted: Sequence[str]) -> Iterable[Points]:
    if layout.is_packed:
        return [blocks.unpack(batch.data, batch.names) for batch in batches]
    blobs = [batch.data for batch in batches]
    return [codec.decode_alike(blobs, layout.rows, layout.names, wanted)]


def latest(points: Points) -> Points:
    """In the order of the steps, without values that a later row of the same step replaced."""
    if (np.diff(points.steps) > 0).all():
        return _without_empty_rows(points)
    # Stable: rows of one step stay in the order of their acceptance.
    sorted_ = points.take(np.argsort(points.steps, kind="stable"))
    columns = {
        name: Column(_last_of_step(sorted_.steps, present), values)
        for name, (present, values) in sorted_.series.items()
    }
    return _without_empty_rows(Points(sorted_.steps, sorted_.times, columns))


def _last_of_step(steps: Ints, present: Bools) -> Bools:
    rows = np.flatnonzero(present)
    replaced = rows[:-1][steps[rows[:-1]] == steps[rows[1:]]]
    last = present.copy()
    last[replaced] = False
    return last


def _without_empty_rows(points: Points) -> Points:
    some = np.zeros(len(points), bool)
    for present, _ in points.series.values():
        some |= present
    return points if some.all() else points.take(some)
