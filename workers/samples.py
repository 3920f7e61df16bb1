"""Brings what the model writes to the hub, line by line of the file that the trainer appends to."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from workers.hub import Hub, Rejected

logger = logging.getLogger(__name__)

# At most so much at once: a file that grew while the hub was away is sent in parts.
CHUNK_BYTES = 1 << 20
AT_ONCE = 100
FIELDS = ("step", "index", "prompt", "text", "decoding")


class SampleFile:
    """What was sent before a restart is sent again: the hub keeps each sample once."""

    def __init__(self, path: Path, hub: Hub) -> None:
        self._path, self._hub = path, hub
        self._sent = 0  # bytes

    def send(self, to_the_end: bool = False) -> None:
        """Whole lines, a chunk of them at once: heartbeats go first."""
        for _ in range(sys.maxsize if to_the_end else 1):
            chunk = self._chunk()
            if not chunk:
                return
            lines = chunk.splitlines()
            for first in range(0, len(lines), AT_ONCE):
                self._deliver(
                    [said for line in lines[first : first + AT_ONCE] if (said := read(line))]
                )
            self._sent += len(chunk)

    def _chunk(self) -> bytes:
        """Up to the end of a line; a line that is too long for a chunk is left out."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._sent)
                data = file.read(CHUNK_BYTES)
        except FileNotFoundError:
            return b""
        whole = data[: data.rfind(b"\n") + 1]
        return data if not whole and len(data) == CHUNK_BYTES else whole

    def _deliver(self, samples: list[dict[str, Any]]) -> None:
        if not samples:
            return
        try:
            self._hub.samples(samples)
        except Rejected as error:
            # They are for people: those that the hub cannot keep must not hold up the rest.
            logger.error("The hub does not take these samples: %s", error)


def read(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
        return {name: said[name] for name in FIELDS}
    except (ValueError, KeyError, TypeError):
        logger.warning("A sample cannot be read and is left out: %r", line[:100])
        return None
