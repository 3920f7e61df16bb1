"""Reads the records of a journal: a stretch of rows with the same names becomes columns at once."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from llmhub.client.rows import COLUMNS, FRAME, ROW, WORD

CHUNK_BYTES = 1 << 20


class Position(NamedTuple):
    offset: int
    # Of a record of columns; 0 wherever a record begins.
    row: int = 0


class Part(NamedTuple):
    """Rows that lie one after another and have the same names, as columns of raw bytes."""

    names: tuple[str, ...]
    rows: int
    steps: bytes
    times: bytes
    columns: list[bytes]
    start: Position
    end: Position
    # Bytes from a row to the next; 0 within a record of columns.
    stride: int

    @property
    def points(self) -> int:
        return self.rows * len(self.names)

    def take(self, rows: int) -> Part:
        """The first rows."""
        if rows >= self.rows:
            return self
        start = self.start
        if self.stride:
            end = Position(start.offset + rows * self.stride)
        else:
            end = Position(start.offset, start.row + rows)
        size = rows * WORD
        columns = [column[:size] for column in self.columns]
        return self._replace(
            rows=rows,
            steps=self.steps[:size],
            times=self.times[:size],
            columns=columns,
            end=end,
        )


class Records:
    def __init__(self, fd: int, names: list[tuple[str, ...]]) -> None:
        self._fd, self._names = fd, names

    def parts(self, start: Position, end: Position) -> Iterator[Part]:
        """All rows from one position to the other."""
        position = start
        while position < end:
            part = self._part(position, end)
            if part is None or part.rows == 0:
                return
            yield part
            position = part.end

    def sizes(self, offset: int) -> Iterator[int]:
        """The bytes of each record from `offset` on, as far as they look like records."""
        while size := self._size_at(offset):
            yield size
            offset += size

    def _size_at(self, offset: int) -> int:
        words = self._words(offset, 2)
        names = self._names_of(words[0]) if len(words) == 2 else None
        if names is None:
            return 0
        if words[0] >> 32 == ROW:
            return WORD * (FRAME + len(names))
        return WORD * (3 + words[1] * (2 + len(names)))

    def _part(self, position: Position, end: Position) -> Part | None:
        head = self._words(position.offset, 2)
        names = self._names_of(head[0]) if len(head) == 2 else None
        if names is None:
            return None
        if head[0] >> 32 == ROW:
            return self._rows(position, end, names)
        return self._columns(position, end, names, head[1])

    def _names_of(self, head: int) -> tuple[str, ...] | None:
        kind, number = head >> 32, head & 0xFFFFFFFF
        known = kind in (ROW, COLUMNS) and number < len(self._names)
        return self._names[number] if known else None

    def _rows(self, start: Position, end: Position, names: tuple[str, ...]) -> Part:
        words = FRAME + len(names)
        stride = words * WORD
        most = max(1, CHUNK_BYTES // stride)
        read = self._words(start.offset, min(most, (end.offset - start.offset) // stride) * words)
        rows = _alike(read[::words])
        read = read[: rows * words]
        columns = [read[3 + index :: words].tobytes() for index in range(len(names))]
        return Part(
            names,
            rows,
            read[1::words].tobytes(),
            read[2::words].tobytes(),
            columns,
            start,
            Position(start.offset + rows * stride),
            stride,
        )

    def _columns(
        self, start: Position, end: Position, names: tuple[str, ...], all_rows: int
    ) -> Part:
        is_last = end.offset == start.offset
        first, after = start.row, end.row if is_last else all_rows
        rows = after - first
        base = start.offset + 2 * WORD
        columns = [
            os.pread(self._fd, rows * WORD, base + (all_rows * index + first) * WORD)
            for index in range(2 + len(names))
        ]
        size = WORD * (3 + all_rows * (2 + len(names)))
        stop = end if is_last and after < all_rows else Position(start.offset + size)
        return Part(names, rows, columns[0], columns[1], columns[2:], start, stop, 0)

    def _words(self, offset: int, count: int) -> array[int]:
        data = os.pread(self._fd, count * WORD, offset)
        return array("Q", data[: len(data) // WORD * WORD])


def _alike(heads: array[int]) -> int:
    """How many of the first ones are the same."""
    count = len(heads)
    if not count:
        return 0
    same = heads[:1].tobytes()
    if heads.tobytes() == same * count:
        return count
    low, high = 1, count
    while high - low > 1:
        middle = (low + high) // 2
        if heads[:middle].tobytes() == same * middle:
            low = middle
        else:
            high = middle
    return low
