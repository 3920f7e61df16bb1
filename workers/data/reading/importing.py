"""The first pass over all of the files: every row is read, counted and found to be usable."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Row
from llmhub.lib.rows.template import texts
from workers.data.progress import Progress
from workers.data.reading import files, read
from workers.data.reading.samples import shown
from workers.data.reading.source import DataFile, Item, Limits, Reading, Source

FIRST = 4
SPREAD = 4


def import_files(values: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Raises Problem at the first thing that is wrong, unless bad rows are to be left out."""
    reading, limits = Reading.parse(values["reading"]), Limits(**values.get("limits", {}))
    source = Source(_hashed(values["files"], progress), reading, limits)
    size = sum(file.bytes for file in source.files)
    counts, sample = Counts(reading.is_plain_text), Sample()
    for item in source.rows():
        counts.add(item, texts(reading.kind, item.row))
        sample.add(item)
        progress("reading", size + source.bytes_read(), 2 * size)
    return {
        "files": [
            {"name": file.name, "sha256": file.sha256, "bytes": file.bytes} for file in source.files
        ],
        "rows": counts.rows,
        "characters": counts.characters,
        "bytes": size,
        "documents": len(source.files) if reading.is_plain_text else counts.rows,
        "lines": counts.lines,
        "skipped": source.meter.skipped,
        "skipped_examples": [problem.as_json() for problem in source.meter.examples],
        "sample": sample.rows(),
    }


def _hashed(described: Sequence[Mapping[str, str]], progress: Progress) -> list[DataFile]:
    """The files as they will be registered. All of their bytes are read once for it."""
    sized = [_sized(file["name"], Path(file["path"])) for file in described]
    if not sized:
        raise Problem("no_files")
    size = sum(file.bytes for file in sized)
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        progress("reading", done, 2 * size)

    return [replace(file, sha256=files.sha256(file.path, add)) for file in sized]


def _sized(name: str, path: Path) -> DataFile:
    file = DataFile(name, path, sha256="", bytes=0)
    with read.about(file):
        return replace(file, bytes=files.size(path))


@dataclass
class Counts:
    """`lines`: a last one counts without its line feed, as it does in an editor."""

    is_plain_text: bool
    rows: int = 0
    characters: int = 0
    lines: int = 0
    _document: int = -1
    _has_open_line: bool = False

    def add(self, item: Item, said: list[str]) -> None:
        self.rows += 1
        for text in said:
            self.characters += len(text)
            # A line may go on from one passage of a file to the next, but not from text to text.
            if self._has_open_line and self.is_plain_text and item.document == self._document:
                self.lines -= 1
            self._has_open_line = not text.endswith("\n") and text != ""
            self.lines += text.count("\n") + self._has_open_line
        self._document = item.document


@dataclass
class Sample:
    """The first rows, and some from anywhere: those whose numbers have the smallest hashes."""

    _first: list[Row] = field(default_factory=list)
    _spread: list[tuple[int, int, Row]] = field(default_factory=list)  # (-hash, number, row)

    def add(self, item: Item) -> None:
        if len(self._first) < FIRST:
            self._first.append(shown(item.row))
            return
        order = -_hash(item.number)
        if len(self._spread) < SPREAD:
            heapq.heappush(self._spread, (order, item.number, shown(item.row)))
        elif order > self._spread[0][0]:
            heapq.heapreplace(self._spread, (order, item.number, shown(item.row)))

    def rows(self) -> list[Row]:
        return self._first + [row for _, _, row in sorted(self._spread, key=lambda kept: kept[1])]


def _hash(number: int) -> int:
    return int.from_bytes(blake2b(number.to_bytes(8, "big"), digest_size=8).digest(), "big")
