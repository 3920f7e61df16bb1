"""Rows as a file: JSON lines compressed with zstandard, or passages as a text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import zstandard

from llmhub.lib.rows.kinds import FIELDS, Kind, Row
from workers.data.reading.source import Reading

_LEVEL = 3


def write(path: Path, rows: Iterable[Row], before: Reading) -> tuple[Reading, int]:
    """How to read what was written, and the number of rows. `before`: how they were read."""
    if before.is_plain_text:
        return Reading("text", Kind.TEXT, {}), _write_text(path, rows)
    columns = dict.fromkeys(FIELDS[before.kind])
    written = 0
    with path.open("wb") as file, zstandard.ZstdCompressor(_LEVEL).stream_writer(file) as stream:
        for row in rows:
            columns |= dict.fromkeys(row)
            stream.write(msgspec.json.encode(row) + b"\n")
            written += 1
    return Reading("jsonl", before.kind, {name: name for name in columns}), written


def _write_text(path: Path, passages: Iterable[Row]) -> int:
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for passage in passages:
            file.write(passage["text"])
            written += 1
    return written
