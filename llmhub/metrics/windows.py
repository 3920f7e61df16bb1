"""What a plot shows of one metric of many runs between two steps: points, or buckets where there
are more points than pixels.

Whatever is folded and whatever is not, the answer is that of a plain list of all points. Buckets
come from the levels where they lie in the window as a whole and no later row lies in them; all
else is made of points: what is not folded, the open blocks, and the blocks at the edges.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from llmhub.metrics import blocks, codec, levels, merge, stored
from llmhub.metrics.codec import Bools, Floats, Ints, Points
from llmhub.metrics.levels import Buckets
from llmhub.metrics.merge import end_of
from llmhub.metrics.stored import LAST, Part, Source, Span


class Window(NamedTuple):
    low: int = 0
    high: int = LAST
    # Between `px` and four times as many buckets are shown.
    px: int = 1000
    # Also what a newer attempt has replaced: a curve for each attempt.
    all_attempts: bool = False


@dataclass(frozen=True)
class Curve:
    """Of a run or, where all attempts are shown, of an attempt."""

    # 0: every point is a bucket of its own, of which `last` is the value, whatever it is.
    level: int
    buckets: Buckets


NOTHING = Curve(0, levels.empty())


class Asked(NamedTuple):
    """A stretch of an attempt that is a part of the curve of a group."""

    group: int
    span: Span
    levelled_step: int | None


def asked(sources: Sequence[Source], window: Window) -> list[Asked]:
    found: list[Asked] = []
    for source in sources:
        end = None if window.all_attempts else end_of(source.number, source.first_steps)
        high = window.high if end is None else min(window.high, end - 1)
        if window.low <= high:
            group = source.attempt if window.all_attempts else source.run
            span = Span(source.attempt, window.low, high)
            found.append(Asked(group, span, source.levelled_step))
    return found


def read(
    sources: Sequence[Source], names: Sequence[str], window: Window
) -> dict[tuple[int, str], Curve]:
    """By group and name, in three statements; call it inside a snapshot."""
    parts = asked(sources, window)
    runs = sorted({source.run for source in sources})
    tails = stored.tail(runs, names)
    found = stored.levels_of(
        [part.group for part in parts], [part.span for part in parts], names, window.px
    )
    pieces = [
        _piece(part, name, found.get((part.span.attempt, name)), tails.get(part.span.attempt))
        for part in parts
        for name in names
    ]
    held = stored.blocks([span for piece in pieces for span in piece.spans], names)
    unpacked = {
        attempt: blocks.joined([blocks.unpack(data, has) for has, data in rows])
        for attempt, rows in held.items()
    }
    groups: dict[tuple[int, str], list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[piece.group, piece.name].append(piece.with_points(unpacked.get(piece.span.attempt)))
    return {key: _curve(group, window.px) for key, group in groups.items()}


@dataclass
class Piece:
    """One metric of one attempt: buckets that stand, and the points beside them."""

    group: int
    name: str
    span: Span
    level: int
    buckets: Buckets
    # Where blocks have to be read.
    spans: list[Span]
    tail: Points | None
    steps: Ints
    times: Floats
    values: Floats

    def with_points(self, held: Points | None) -> Piece:
        parts = [_of(part, self.name) for part in (held, self.tail) if part is not None]
        parts = [part for part in parts if len(part)]
        # Each holds in itself; only what is not folded can replace what is.
        points = merge.joined(parts) if len(parts) > 1 else parts[0] if parts else None
        if points is not None:
            rows = self._is_inside(points.steps) & ~_covers(self.buckets, points.steps)
            self.steps, self.times = points.steps[rows], points.times[rows]
            self.values = points.series[self.name].values[rows]
        return self

    def _is_inside(self, steps: Ints) -> Bools:
        found: Bools = (steps >= self.span.low) & (steps <= self.span.high)
        return found


def _of(points: Points, name: str) -> Points:
    """The points of one metric."""
    column = points.series.get(name)
    if column is None:
        return codec.empty()
    only = Points(points.steps, points.times, {name: column})
    return only if column.present.all() else only.take(column.present)


def _piece(part: Asked, name: str, found: Part | None, tail: Points | None) -> Piece:
    span = part.span
    if found is None:
        buckets, level, spans = levels.empty(), 0, [span]
    else:
        stands = _stands(found.buckets, span, tail)
        level, buckets = found.level, found.buckets
        if not stands.all():
            buckets = buckets.take(stands)
        spans = list(_stretches(found.buckets, ~stands, span))
        after = span.low if part.levelled_step is None else part.levelled_step + 1
        spans.append(Span(span.attempt, max(span.low, after), span.high))
    nothing = codec.empty()
    return Piece(
        part.group, name, span, level, buckets, spans, tail, nothing.steps, nothing.times,
        np.zeros(0),
    )  # fmt: skip


def _stands(buckets: Buckets, span: Span, tail: Points | None) -> Bools:
    """Which buckets lie inside as a whole, and have no row in them that is not folded."""
    stands = (buckets.first_steps >= span.low) & (buckets.last_steps <= span.high)
    if tail is not None and len(buckets):
        places = np.searchsorted(buckets.first_steps, tail.steps, "right") - 1
        places = places[(places >= 0) & (tail.steps <= buckets.last_steps[places])]
        stands[places] = False
    return np.asarray(stands)


def _stretches(buckets: Buckets, rows: Bools, span: Span) -> Iterable[Span]:
    """The steps of the buckets in `rows`; neighbours are one stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rows, [False]]).astype("i1")))
    for start, end in edges.reshape(-1, 2):
        low = max(span.low, int(buckets.first_steps[start]))
        high = min(span.high, int(buckets.last_steps[end - 1]))
        if low <= high:
            yield Span(span.attempt, low, high)


def _covers(buckets: Buckets, steps: Ints) -> Bools:
    """Which of the steps lie in a bucket."""
    if not len(buckets):
        return np.zeros(len(steps), bool)
    places = np.searchsorted(buckets.first_steps, steps, "right") - 1
    return np.asarray((places >= 0) & (steps <= buckets.last_steps[places]))


def _curve(pieces: Sequence[Piece], px: int) -> Curve:
    level = max(piece.level for piece in pieces)
    points = sum(len(piece.steps) for piece in pieces)
    size = levels.size(level) if level else 1
    if not level and points > 4 * px:
        level, size = 1, points // (2 * px)
    buckets = levels.concatenate([_bucketed(piece, size) for piece in pieces])
    if not level:
        values = np.concatenate([piece.values for piece in pieces])
        return Curve(0, replace(buckets, last=values))
    if len(buckets) > 4 * px:
        buckets = levels.coarser(buckets, len(buckets) // (2 * px))
    return Curve(level, buckets)


def _bucketed(piece: Piece, size: int) -> Buckets:
    """The buckets that stand and those of the points between them, which reach over none."""
    points = (piece.steps, piece.times, piece.values)
    if size == 1:
        return levels.each(*points)
    made = levels.of_points(*points, _starts(piece.buckets, piece.steps, size))
    both = levels.concatenate([piece.buckets, made])
    if (np.diff(both.first_steps) > 0).all():
        return both
    return both.take(np.argsort(both.first_steps, kind="stable"))


def _starts(buckets: Buckets, steps: Ints, size: int) -> levels.Rows:
    if not len(buckets):
        return levels.every(len(steps), size)
    gaps = np.searchsorted(buckets.first_steps, steps)
    opens = np.flatnonzero(np.diff(gaps, prepend=-1))
    place = np.arange(len(steps)) - np.repeat(opens, np.diff(np.append(opens, len(steps))))
    return np.flatnonzero(place % size == 0)
