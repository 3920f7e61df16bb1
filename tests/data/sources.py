"""Sources of a few rows, written as people write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llmhub.lib import manifest
from llmhub.lib.rows.kinds import FIELDS, OPTIONAL, Kind
from workers.data.reading.source import DataFile, Reading, Source


def texts(folder: Path, *contents: str) -> Source:
    """One text file for each."""
    files = [write(folder / f"{i}.txt", content) for i, content in enumerate(contents)]
    return Source(files, Reading("text", Kind.TEXT, {}))


def rows(folder: Path, kind: Kind, values: Iterable[Mapping[str, Any]]) -> Source:
    """A file of JSON lines."""
    lines = "".join(json.dumps(row) + "\n" for row in values)
    columns = {field: field for field in FIELDS[kind] + OPTIONAL[kind]}
    return Source([write(folder / "rows.jsonl", lines)], Reading("jsonl", kind, columns))


def write(path: Path, content: str) -> DataFile:
    path.write_bytes(content.encode())
    return DataFile(path.name, path, manifest.file_hash(path), path.stat().st_size)


def flip_a_byte(path: Path) -> None:
    """In the middle: the size stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
