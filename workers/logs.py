"""Brings the trainer's console output to the hub, by the offset that the hub has it up to."""

from __future__ import annotations

import codecs
import sys
from pathlib import Path

from workers.hub import Hub, Rejected

CHUNK_BYTES = 32 * 1024
# A trainer that writes faster than this waits its turn: heartbeats go first.
CHUNKS_AT_ONCE = 8

# One question mark a byte keeps offsets true where bytes are not UTF-8.
codecs.register_error("question", lambda error: ("?" * (error.end - error.start), error.end))  # type: ignore[attr-defined]


class LogTail:
    def __init__(self, path: Path, hub: Hub) -> None:
        self._path, self._hub = path, hub
        # Not known before the hub was asked: an earlier supervisor may have sent a part.
        self._sent: int | None = None

    def send(self, to_the_end: bool = False) -> None:
        """Sends what is new. A character that is half written waits, but not at the end."""
        if self._sent is None:
            self._sent = self._hub.log(0, "")
        for _ in range(sys.maxsize if to_the_end else CHUNKS_AT_ONCE):
            chunk = self._chunk(self._sent, to_the_end)
            if not chunk:
                return
            self._sent = self._deliver(self._sent, chunk)

    def _chunk(self, offset: int, to_the_end: bool) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(offset)
                data = file.read(CHUNK_BYTES)
        except FileNotFoundError:
            return b""
        is_last = to_the_end and len(data) < CHUNK_BYTES
        return data if is_last else whole_characters(data)

    def _deliver(self, offset: int, chunk: bytes) -> int:
        text, end = chunk.decode("utf-8", "question").replace("\0", "?"), offset + len(chunk)
        try:
            return max(self._hub.log(offset, text), end)
        except Rejected:
            # The log is for people: a piece that the hub cannot keep must not hold up the rest.
            return end


def whole_characters(data: bytes) -> bytes:
    """Without a character at the end of which not all bytes are there yet."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0b1100_0000 != 0b1000_0000:
            return data[:-back] if length(byte) > back else data
    return data


def length(first_byte: int) -> int:
    """Bytes of the UTF-8 character that begins with this one."""
    if first_byte < 0b1100_0000:
        return 1
    return 2 if first_byte < 0b1110_0000 else 3 if first_byte < 0b1111_0000 else 4
