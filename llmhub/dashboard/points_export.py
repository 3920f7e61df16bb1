"""The points of runs as files, made in pieces: CSV for tables, Parquet for scripts."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async

from llmhub.metrics import stored, windows
from llmhub.metrics.codec import Floats, Ints
from llmhub.metrics.levels import Buckets
from llmhub.metrics.windows import Window
from llmhub.runs.models import Run

MOST_NAMES = 500
# Points that are read at once.
PIECE = 200_000
# More pixels than any window has points: every point is told.
EVERY_POINT = 2**40
# Runs whose points are looked at together.
BATCH = 20
COLUMNS = ("run_id", "run", "metric", "step", "time", "value")
# A table would take a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Piece(NamedTuple):
    """Points of one metric of one run, in the order of their steps."""

    run: Run
    name: str
    steps: Ints
    times: Floats
    values: Floats


def pieces(runs: Sequence[Run], names: Sequence[str], low: int, high: int) -> Iterator[Piece]:
    for name in names:
        for start in range(0, len(runs), BATCH):
            yield from _of_metric(runs[start : start + BATCH], name, Window(low, high))


def _of_metric(runs: Sequence[Run], name: str, window: Window) -> Iterator[Piece]:
    with stored.snapshot():
        curves = windows.read(stored.sources([run.pk for run in runs]), [name], window)
    for run in runs:
        curve = curves.get((run.pk, name))
        if curve is None or not len(curve.buckets):
            continue
        if not curve.level:
            yield _piece(run, name, curve.buckets)
        else:
            for low, high in _stretches(curve.buckets, window):
                yield from _stretch(run, name, Window(low, high, px=EVERY_POINT))


def _stretch(run: Run, name: str, window: Window) -> Iterator[Piece]:
    with stored.snapshot():
        curves = windows.read(stored.sources([run.pk]), [name], window)
    if curve := curves.get((run.pk, name)):
        yield _piece(run, name, curve.buckets)


def _stretches(buckets: Buckets, window: Window) -> Iterator[tuple[int, int]]:
    """Steps from and to, about PIECE points in each; together the window without a gap."""
    low, points = window.low, 0
    for count, last in zip(
        (buckets.count + buckets.not_finite).tolist(), buckets.last_steps.tolist(), strict=True
    ):
        points += count
        if points >= PIECE:
            yield low, min(last, window.high)
            low, points = last + 1, 0
    if low <= window.high:
        yield low, window.high


def _piece(run: Run, name: str, points: Buckets) -> Piece:
    return Piece(run, name, points.last_steps, points.times, points.last)


def safe(text: str) -> str:
    """A text as a table may have it; numbers never come here."""
    return f"'{text}" if text.startswith(FORMULA) else text


def as_csv(found: Iterator[Piece]) -> Iterator[bytes]:
    yield f"{','.join(COLUMNS)}\r\n".encode()
    for piece in found:
        text = io.StringIO()
        writer = csv.writer(text)
        run, name = safe(piece.run.name), safe(piece.name)
        rows = zip(piece.steps.tolist(), piece.times.tolist(), piece.values.tolist(), strict=True)
        writer.writerows(
            (piece.run.pk, run, name, step, _moment(time), repr(value))
            for step, time, value in rows
        )
        yield text.getvalue().encode()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def as_parquet(found: Iterator[Piece]) -> Iterator[bytes]:
    # Only here: pages do without it.
    import pyarrow as arrow
    from pyarrow import parquet

    schema = arrow.schema(
        [
            ("run_id", arrow.int64()),
            ("run", arrow.string()),
            ("metric", arrow.string()),
            ("step", arrow.int64()),
            ("time", arrow.timestamp("us", "UTC")),
            ("value", arrow.float64()),
        ]
    )
    sink = Sink()
    with parquet.ParquetWriter(arrow.PythonFile(sink, mode="w"), schema) as writer:
        for piece in found:
            writer.write_table(arrow.table(_columns(piece), schema=schema))
            yield sink.take()
    yield sink.take()


def _columns(piece: Piece) -> dict[str, Any]:
    rows = len(piece.steps)
    return {
        "run_id": [piece.run.pk] * rows,
        "run": [piece.run.name] * rows,
        "metric": [piece.name] * rows,
        "step": piece.steps,
        "time": (piece.times * 1e6).astype("datetime64[us]"),
        "value": piece.values,
    }


class Sink(io.RawIOBase):
    """A file that is written at its end and taken away piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        part = bytes(data)
        self.parts.append(part)
        self.size += len(part)
        return len(part)

    def take(self) -> bytes:
        found = b"".join(self.parts)
        self.parts.clear()
        return found


async def streamed(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """One part at a time: a sync iterator would be read to its end before anything is sent."""
    ahead = sync_to_async(lambda: next(parts, None))
    while (part := await ahead()) is not None:
        yield part
