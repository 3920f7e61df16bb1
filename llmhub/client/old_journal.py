"""Rows that an older client left behind as lines of JSON: they are still sent, never written.

rows.jsonl       [step, time, {name: value}] a line
sealed, acked    `number from to`, in bytes of rows.jsonl
"""

from __future__ import annotations

import json
from array import array
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from llmhub.client.records import Part, Position
from llmhub.lib.batches import MAX_NAMES

MAX_BATCH_ROWS = 4000
MAX_BATCH_BYTES = 1 << 20
# Batches of the new journal are numbered from here on: the old ones still need some below.
ROOM = 10**9

Row = tuple[int, float, dict[str, Any]]


class OldBatch(NamedTuple):
    number: int
    start: int
    end: int
    parts: list[Part]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


def first_number_after(folder: Path) -> int:
    return _mark(folder / "sealed")[0] + ROOM if (folder / "rows.jsonl").exists() else 0


class OldJournal:
    """Of a folder that a `Journal` has locked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows = folder / "rows.jsonl"
        self._sealed, self._acked = _mark(folder / "sealed"), _mark(folder / "acked")

    def has_unsent(self) -> bool:
        return self._rows.exists() and self._acked[2] < self._rows.stat().st_size

    def next_batch(self, max_rows: int = MAX_BATCH_ROWS) -> OldBatch | None:
        if not self.has_unsent():
            return None
        size = self._rows.stat().st_size
        if self._sealed[0] != self._acked[0]:
            number, start, end = self._sealed
            return self._read(number, start, min(end, size), None)
        number, start = self._acked[0] + 1, self._acked[2]
        batch = self._read(number, start, size, min(max_rows, MAX_BATCH_ROWS))
        if batch.end == start:
            return None
        self._seal(batch)
        return batch

    def split(self, batch: OldBatch) -> None:
        self.shorten(batch, batch.rows // 2)

    def shorten(self, batch: OldBatch, rows: int) -> None:
        self._seal(self._read(batch.number, batch.start, batch.end, max(1, rows)))

    def acknowledge(self, batch: OldBatch) -> None:
        self._acked = _write_mark(self._folder / "acked", batch)

    def set_aside(self, batch: OldBatch, reason: str) -> None:
        with (self._folder / "refused").open("a", encoding="utf-8") as file:
            file.write(f"{batch.number} {batch.start} {batch.end} {reason!r}\n")
        self.acknowledge(batch)

    def _seal(self, batch: OldBatch) -> None:
        self._sealed = _write_mark(self._folder / "sealed", batch)

    def _read(self, number: int, start: int, end: int, max_rows: int | None) -> OldBatch:
        """The rows from `start` on that fit into one batch; torn lines are passed over."""
        limit = end if max_rows is None else min(end, start + MAX_BATCH_BYTES)
        with self._rows.open("rb") as file:
            file.seek(start)
            lines = file.read(limit - start).splitlines(keepends=True)
        found: list[Row] = []
        names: set[str] = set()
        position = start
        for line in lines:
            # The last line of all may be torn: nothing is written behind it any more.
            if position + len(line) < end and not line.endswith(b"\n"):
                break
            if max_rows is not None and len(found) == max_rows:
                break
            if (row := _decode(line)) is not None:
                names.update(row[2])
                if len(names) > MAX_NAMES:
                    break
                found.append(row)
            position += len(line)
        return OldBatch(number, start, position, _parts(found))


def _decode(line: bytes) -> Row | None:
    try:
        step, at, values = json.loads(line)
        return (step, at, values) if isinstance(values, dict) else None
    except (ValueError, TypeError):
        return None


def _parts(rows: list[Row]) -> list[Part]:
    nowhere = Position(0)
    return [
        Part(
            names,
            len(some),
            array("q", [step for step, _, _ in some]).tobytes(),
            array("d", [at for _, at, _ in some]).tobytes(),
            # NaN and the infinities are words here, which float() reads.
            [array("d", [float(row[2][name]) for row in some]).tobytes() for name in names],
            nowhere,
            nowhere,
            0,
        )
        for names, group in groupby(rows, lambda row: tuple(row[2]))
        if (some := list(group))
    ]


def _mark(path: Path) -> tuple[int, int, int]:
    fields = path.read_bytes().split() if path.exists() else []
    if len(fields) != 3 or not all(field.isdigit() for field in fields):
        return 0, 0, 0
    number, start, end = map(int, fields)
    return number, start, end


def _write_mark(path: Path, batch: OldBatch) -> tuple[int, int, int]:
    """In place and all of the same length, as the older client wrote it."""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(b"%020d %020d %020d\n" % batch[:3])
    return batch[:3]
