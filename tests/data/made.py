"""Files as people bring them, and how they are read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import zstandard

from llmhub.lib.rows.kinds import Kind
from workers.data.progress import Progress
from workers.data.reading.source import DataFile, Limits, Reading, Source


def zstd(data: bytes) -> bytes:
    """With a checksum, as the command writes it."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


PACKERS = {"": bytes, "gzip": gzip.compress, "zstd": zstd}


def write(path: Path, content: str | bytes) -> DataFile:
    """Text is written in UTF-8."""
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)
    return DataFile(path.name, path, sha256(data).hexdigest(), len(data))


def json_lines(rows: Iterable[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def source(
    *files: DataFile,
    format: str = "jsonl",  # noqa: A002
    kind: Kind = Kind.TEXT,
    columns: dict[str, str] | None = None,
    limits: Limits = Limits(),  # noqa: B008
    **reading: Any,
) -> Source:
    columns = columns or {"text": "text"}
    return Source(files, Reading(format, kind, columns, **reading), limits)


def texts(source: Source) -> list[str]:
    return [item.row["text"] for item in source.rows()]


def job(*files: DataFile, **values: Any) -> dict[str, Any]:
    """The part of a job that names its files, before they are registered."""
    return {"files": [{"name": file.name, "path": str(file.path)} for file in files], **values}


class Phases(Progress):
    """Keeps what would be written for a watcher."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float, float]] = []

    def __call__(self, phase: str, done: float, total: float) -> None:
        self.calls.append((phase, done, total))
