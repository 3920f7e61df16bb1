"""Rows on disk before anything is sent, and which of them the hub has taken.

    rows.bin      records, appended, in words of 8 bytes, little-endian:
                  a row:    kind and names, step, time, the values, check
                  columns:  kind and names, rows, steps, times, a column for each name, check
    names.jsonl   a list of names a line; records give the number of the line
    sealed.bin    the batch being sent, written down before it is sent
    acked.bin     the last batch the hub has answered for
    refused       the batches that the hub will never take, and why
    lock          held by the one process that writes here

A batch that was sealed is sent again with the same number and the same rows until it is
answered, so the hub can count it once. Nothing is synced to the platter row by row: the page
cache survives the death of the process, which is what the journal is for, and a sync would cost
the training loop milliseconds a step. When the whole machine dies, the run goes back to its
last checkpoint and reports those steps again.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from llmhub.client import old_journal
from llmhub.client.records import Part, Position, Records
from llmhub.client.rows import WORD, Shape
from llmhub.lib.batches import MAX_NAMES, MAX_ROWS

MAX_BATCH_ROWS = MAX_ROWS
# Of the values, steps and times: a third of what the hub takes.
MAX_BATCH_BYTES = 8 << 20
# Rows wait in memory while the disk is full; beyond this they are lost, and counted.
MAX_WAITING_BYTES = 4 << 20
# Scripts that make up new names at every step fill a dict otherwise.
MAX_SHAPES = 10_000


class JournalInUse(RuntimeError):
    """Another process writes to this journal: two of them would give numbers twice."""


class Batch(NamedTuple):
    number: int
    start: Position
    end: Position
    parts: list[Part]

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def points(self) -> int:
        return sum(part.points for part in self.parts)


class Mark:
    """A batch's number and its place, in a small file overwritten in place.

    `taken` and `refused` are the points of all batches up to this one.
    """

    FIELDS = 7

    def __init__(self, path: Path, first_number: int) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fields = [int(field) for field in os.pread(self._fd, 200, 0).split() if field.isdigit()]
        if len(fields) != self.FIELDS:
            fields = [first_number, 0, 0, 0, 0, 0, 0]
        start, end = Position(*fields[1:3]), Position(*fields[3:5])
        self.set(fields[0], start, end, *fields[5:])

    def set(
        self, number: int, start: Position, end: Position, taken: int = 0, refused: int = 0
    ) -> None:
        line = " ".join(f"{field:020d}" for field in (number, *start, *end, taken, refused))
        os.pwrite(self._fd, line.encode("ascii") + b"\n", 0)
        self.number, self.start, self.end = number, start, end
        self.taken, self.refused = taken, refused

    def close(self) -> None:
        os.close(self._fd)


class Journal:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "lock")
        self._rows = _open(folder / "rows.bin")
        self._name_lines = _open(folder / "names.jsonl")
        self._names = _names(self._name_lines)
        # Of all metrics that rows of this journal have.
        self.names = {name for names in self._names for name in names}
        self._shapes: dict[tuple[str, ...], Shape] = {}
        # Rows of an older kind are sent before these, with numbers of their own below.
        first_number = old_journal.first_number_after(folder)
        self._sealed = Mark(folder / "sealed.bin", first_number)
        self._acked = Mark(folder / "acked.bin", first_number)
        self._refused = folder / "refused"
        self._records = Records(self._rows, self._names)
        # What a full disk did not take yet: the next write goes on from there.
        self._waiting = b""
        self._mend()

    def close(self) -> None:
        self._sealed.close()
        self._acked.close()
        os.close(self._rows)
        os.close(self._name_lines)
        os.close(self._lock)

    def shape(self, names: tuple[str, ...]) -> Shape | None:
        """How rows of these names are packed, once the journal knows the names."""
        return self._shapes.get(names)

    def learn(self, names: tuple[str, ...]) -> Shape:
        """Raises OSError when the disk does not take the names: rows without them mean nothing."""
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        _write_line(self._name_lines, json.dumps(names).encode("ascii") + b"\n")
        shape = self._shapes[names] = Shape(len(self._names), names)
        self._names.append(names)
        self.names.update(names)
        return shape

    def append(self, record: bytes) -> bool:
        """Writes a record with one write; False where it was lost. A full disk is no error here."""
        if self._waiting:
            return self._append_behind(record)
        try:
            written = os.write(self._rows, record)
        except OSError:
            written = 0
        if written != len(record):
            self._waiting = record[written:]
        return True

    def _append_behind(self, record: bytes) -> bool:
        fits = len(self._waiting) + len(record) <= MAX_WAITING_BYTES
        data = self._waiting + record if fits else self._waiting
        try:
            self._waiting = data[os.write(self._rows, data) :]
        except OSError:
            self._waiting = data
        return fits

    def is_behind(self) -> bool:
        """Rows wait in memory because the disk took none."""
        return bool(self._waiting)

    def has_unsent(self) -> bool:
        return bool(self._waiting) or self._acked.end.offset < self._size()

    @property
    def taken(self) -> int:
        """Points that the hub has acknowledged."""
        return self._acked.taken

    @property
    def refused(self) -> int:
        """Points that it will never take."""
        return self._acked.refused

    def unsent_points(self) -> int:
        return sum(part.points for part in self._unsent())

    def unanswered_points(self) -> int:
        """Of the batch that was sealed and not answered."""
        return self._sealed_batch().points if self._is_sealed() else 0

    def next_batch(self, max_rows: int = MAX_BATCH_ROWS) -> Batch | None:
        """The batch that was sealed and not answered, else a new one; None when all is sent."""
        if self._is_sealed():
            return self._sealed_batch()
        end = Position(self._size())
        if self._acked.end.offset >= end.offset:
            return None
        batch = self._batch(self._acked.end, end, max_rows)
        if batch.end == batch.start:
            return None
        self._sealed.set(batch.number, batch.start, batch.end)
        return batch

    def split(self, batch: Batch) -> None:
        """Seals only the first half of a batch that the hub found too large and did not take."""
        self.shorten(batch, batch.rows // 2)

    def shorten(self, batch: Batch, rows: int) -> None:
        half = self._batch(batch.start, batch.end, max(1, rows))
        self._sealed.set(batch.number, half.start, half.end)

    def acknowledge(self, batch: Batch) -> None:
        acked = self._acked
        taken = acked.taken + batch.points
        acked.set(batch.number, batch.start, batch.end, taken, acked.refused)

    def set_aside(self, batch: Batch, reason: str) -> None:
        """Its rows stay in the journal; the note says where. The batches after it go on."""
        with self._refused.open("a", encoding="utf-8") as file:
            file.write(f"{batch.number} {batch.start.offset} {batch.end.offset} {reason!r}\n")
        acked = self._acked
        refused = acked.refused + batch.points
        acked.set(batch.number, batch.start, batch.end, acked.taken, refused)

    def _is_sealed(self) -> bool:
        return self._sealed.number != self._acked.number

    def _sealed_batch(self) -> Batch:
        # After a power cut the file may be shorter than it was when the batch was sealed.
        end = min(self._sealed.end, Position(self._size()))
        start = min(self._sealed.start, end)
        parts = list(self._records.parts(start, end))
        return Batch(self._sealed.number, start, end, parts)

    def _batch(self, start: Position, end: Position, max_rows: int) -> Batch:
        """From `start` on what fits into one batch."""
        found: list[Part] = []
        names: set[str] = set()
        rows = 0
        for part in self._records.parts(start, end):
            together = names | set(part.names)
            fitting = min(max_rows, _most_rows(len(together))) - rows
            if fitting <= 0 or (found and len(together) > MAX_NAMES):
                break
            names = together
            found.append(part.take(fitting))
            rows += found[-1].rows
        return Batch(self._acked.number + 1, start, found[-1].end if found else start, found)

    def _unsent(self) -> Iterator[Part]:
        end = Position(self._size())
        return self._records.parts(min(self._acked.end, end), end)

    def _size(self) -> int:
        return os.fstat(self._rows).st_size

    def _mend(self) -> None:
        """Cuts off what a crash left of the last record, and all marks that lie behind the end."""
        end = self._whole_up_to()
        if end < self._size():
            os.ftruncate(self._rows, end)
        if self._acked.end.offset > end:
            at, acked = Position(end), self._acked
            acked.set(acked.number, at, at, acked.taken, acked.refused)

    def _whole_up_to(self) -> int:
        position = min(self._acked.end.offset, self._size())
        for size in self._records.sizes(position):
            record = os.pread(self._rows, size, position)
            check = record[-WORD:]
            if len(record) < size or crc32(record[:-WORD]) != int.from_bytes(check, "little"):
                break
            position += size
        return position


def _most_rows(names: int) -> int:
    return max(1, MAX_BATCH_BYTES // (WORD * (names + 2)))


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _names(fd: int) -> list[tuple[str, ...]]:
    """The lists of names so far; what a crash left of the last one is cut off."""
    data = os.pread(fd, os.fstat(fd).st_size, 0)
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        os.ftruncate(fd, whole)
    return [tuple(json.loads(line)) for line in data[:whole].splitlines()]


def _write_line(fd: int, line: bytes) -> None:
    """A whole line or nothing."""
    before = os.fstat(fd).st_size
    try:
        written = os.write(fd, line)
    except OSError:
        written = 0
    if written != len(line):
        os.ftruncate(fd, before)
        raise OSError("the disk is full")


def _lock(path: Path) -> int:
    """A lock of this process alone: a data loader that it forks does not inherit it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise JournalInUse(f"Another process writes to {path.parent}.") from error
    return fd
