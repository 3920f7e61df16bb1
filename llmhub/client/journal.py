"""Rows on disk before anything is sent, and which of them the hub has taken.

    rows.jsonl   one line a row, appended
    sealed       `number from to`: the batch being sent, written down before it is sent
    acked        `number from to`: the last batch the hub has answered for
    refused      the batches that the hub will never take, and why
    lock         held by the one process that writes here

A batch that was sealed is sent again with the same number and the same rows until it is
answered, so the hub can count it once. Nothing is synced to the platter row by row: the page
cache survives the death of the process, which is what the journal is for, and a sync would cost
the training loop milliseconds a step. When the whole machine dies, the run goes back to its
last checkpoint and reports those steps again.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from llmhub.client import rows
from llmhub.client.rows import Row
from llmhub.lib.batches import MAX_NAMES

MAX_BATCH_ROWS = 4000
MAX_BATCH_BYTES = 1 << 20
# Rows wait in memory while the disk is full; beyond this they are lost, and counted.
MAX_WAITING_BYTES = 4 << 20


class JournalInUse(RuntimeError):
    """Another process writes to this journal: two of them would give numbers twice."""


@dataclass(frozen=True)
class Batch:
    number: int
    start: int
    end: int
    rows: list[Row]


class Mark:
    """A batch's number and its range of bytes, in a small file overwritten in place."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.number, self.start, self.end = self._read()
        self.set(self.number, self.start, self.end)

    def _read(self) -> tuple[int, int, int]:
        fields = os.pread(self._fd, 100, 0).split()
        if len(fields) != 3 or not all(field.isdigit() for field in fields):
            return 0, 0, 0
        number, start, end = map(int, fields)
        return number, start, end

    def set(self, number: int, start: int, end: int) -> None:
        os.pwrite(self._fd, b"%020d %020d %020d\n" % (number, start, end), 0)
        self.number, self.start, self.end = number, start, end

    def close(self) -> None:
        os.close(self._fd)


class Journal:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._rows = os.open(folder / "rows.jsonl", flags, 0o644)
        self._sealed, self._acked = Mark(folder / "sealed"), Mark(folder / "acked")
        self._refused = folder / "refused"
        # What a full disk did not take yet: the next write goes on from there.
        self._waiting = b""
        if self._ends_torn():
            self.append(b"\n")

    def close(self) -> None:
        self._sealed.close()
        self._acked.close()
        os.close(self._rows)
        os.close(self._lock)

    def append(self, line: bytes) -> bool:
        """Writes a row with one write; False where it was lost. A full disk is no error here."""
        fits = len(self._waiting) + len(line) <= MAX_WAITING_BYTES
        data = self._waiting + line if fits else self._waiting
        try:
            self._waiting = data[os.write(self._rows, data) :]
        except OSError:
            self._waiting = data
        return fits

    def is_behind(self) -> bool:
        """Rows wait in memory because the disk took none."""
        return bool(self._waiting)

    def has_unsent(self) -> bool:
        return bool(self._waiting) or self._acked.end < self._size()

    def next_batch(self, max_rows: int = MAX_BATCH_ROWS) -> Batch | None:
        """The batch that was sealed and not answered, else a new one; None when all is sent."""
        if self._sealed.number == self._acked.number:
            read = self._read(self._acked.end, self._size(), max_rows)
            if read.end == read.start:
                return None
            self._sealed.set(self._acked.number + 1, read.start, read.end)
            return read
        # After a power cut the file may be shorter than it was when the batch was sealed.
        end = min(self._sealed.end, self._size())
        return self._read(self._sealed.start, end, max_rows=None)

    def split(self, batch: Batch) -> None:
        """Seals only the first half of a batch that the hub found too large and did not take."""
        half = self._read(batch.start, batch.end, max(1, len(batch.rows) // 2))
        self._sealed.set(batch.number, half.start, half.end)

    def acknowledge(self, batch: Batch) -> None:
        self._acked.set(batch.number, batch.start, batch.end)

    def set_aside(self, batch: Batch, reason: str) -> None:
        """Its rows stay in the journal; the note says where. The batches after it go on."""
        with self._refused.open("a", encoding="utf-8") as file:
            file.write(f"{batch.number} {batch.start} {batch.end} {reason!r}\n")
        self.acknowledge(batch)

    def _size(self) -> int:
        return os.fstat(self._rows).st_size

    def _ends_torn(self) -> bool:
        size = self._size()
        return size > 0 and os.pread(self._rows, 1, size - 1) != b"\n"

    def _read(self, start: int, end: int, max_rows: int | None) -> Batch:
        """The rows from `start` on that fit into one batch; a torn line is passed over."""
        limit = end if max_rows is None else min(end, start + MAX_BATCH_BYTES)
        found: list[Row] = []
        names: set[str] = set()
        position = start
        for line in os.pread(self._rows, limit - start, start).splitlines(keepends=True):
            row = rows.decode(line)
            if not line.endswith(b"\n") or (max_rows is not None and len(found) == max_rows):
                break
            if row is not None:
                names.update(row[2])
                if len(names) > MAX_NAMES:
                    break
                found.append(row)
            position += len(line)
        return Batch(self._acked.number + 1, start, position, found)


def _lock(path: Path) -> int:
    """A lock of this process alone: a data loader that it forks does not inherit it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise JournalInUse(f"Another process writes to {path.parent}.") from error
    return fd
