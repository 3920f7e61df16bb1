"""What people see of files before they register them: the first rows, and how to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from llmhub.lib.problems import Problem
from llmhub.lib.rows import columns as names
from llmhub.lib.rows.kinds import Kind, Row
from workers.data.progress import Progress
from workers.data.reading import files as formats
from workers.data.reading import read
from workers.data.reading.samples import COLUMNS, printable, shown
from workers.data.reading.source import DataFile, Limits, Meter, Reading

ROWS = 5
BAD_ROWS = 1_000  # that are passed over in search of good ones


@dataclass(frozen=True)
class Head:
    """The first rows of a file. `problem` is the first bad one, unless such are left out."""

    file: DataFile
    reading: Reading
    raws: list[tuple[int, read.Raw]]  # with their places
    problem: Problem | None

    @property
    def sample(self) -> list[read.Raw]:
        return [raw for _, raw in self.raws]

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(column for raw in self.sample for column in raw))[:COLUMNS]

    def rows(self, kind: Kind, mapping: Mapping[str, str]) -> tuple[list[Row], Problem | None]:
        rows = []
        problem = None
        for place, raw in self.raws:
            try:
                rows.append(names.to_row(kind, mapping, raw))
            except Problem as found:
                problem = problem or _placed(found, place, self.file, self.reading)
        return rows, None if rows and self.reading.skip_bad else problem


def check(values: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Raises Problem for a file that cannot be read; one with a row is `problem` in the answer."""
    files = [_file(file) for file in values["files"]]
    if not files:
        raise Problem("no_files")
    choices = values.get("reading", {})
    reading = _reading(choices, choices.get("format") or _shared_format(files))
    for number, file in enumerate(files[1:]):
        progress("reading", number, len(files))
        _head(file, reading, rows=1)
    return _answer(_head(files[0], reading, ROWS), choices)


def _answer(head: Head, choices: Mapping[str, Any]) -> dict[str, Any]:
    kind, mapping = _kind_and_mapping(head, choices)
    rows, problem = head.rows(kind, mapping) if kind and mapping is not None else ([], None)
    problem = head.problem or problem
    return {
        "format": head.reading.format,
        "compression": formats.compression(formats.head(head.file.path)),
        "encoding": head.reading.encoding,
        "columns": [printable(column) for column in head.columns],
        "kind": kind,
        "mapping": mapping,
        "samples": [shown(raw) for raw in head.sample],
        "rows": [shown(row) for row in rows],
        **({"problem": problem.as_json()} if problem else {}),
    }


def format_of(file: DataFile) -> str:
    return formats.format_by_name(file.name) or _sniffed(file)


def _file(values: Mapping[str, str]) -> DataFile:
    return DataFile(values["name"], Path(values["path"]), sha256="", bytes=0)


def _reading(choices: Mapping[str, Any], format_: str) -> Reading:
    """Enough of a reading for rows as they are in the files."""
    return Reading(
        format_,
        Kind.TEXT,
        columns={},
        encoding=choices.get("encoding", "utf-8"),
        skip_bad=choices.get("skip_bad", False),
    )


def _shared_format(files: Sequence[DataFile]) -> str:
    expected = format_of(files[0])
    for file in files[1:]:
        found = format_of(file)
        if found != expected:
            raise Problem("mixed_formats", file=file.name, found=found, expected=expected)
    return expected


def _sniffed(file: DataFile) -> str:
    with read.about(file):
        head = formats.expanded_head(file.path)
    if head.startswith(b"PAR1"):
        return "parquet"
    first = head.lstrip().partition(b"\n")[0]
    try:
        msgspec.json.decode(first, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        return "text"
    return "jsonl"


def _head(file: DataFile, reading: Reading, rows: int) -> Head:
    raws = []
    problem = None
    found = read.raw_rows(file, reading, Limits(), Meter())
    for place, raw in islice(found, BAD_ROWS):
        if isinstance(raw, Problem):
            problem = problem or _placed(raw, place, file, reading)
        else:
            raws.append((place, raw))
        if len(raws) == rows or (problem and not reading.skip_bad):
            break
    if not raws and not problem:
        raise Problem("no_rows", file=file.name)
    return Head(file, reading, raws, None if raws and reading.skip_bad else problem)


def _placed(problem: Problem, place: int, file: DataFile, reading: Reading) -> Problem:
    return problem.at(file=file.name, **read.named(place, reading))


def _kind_and_mapping(
    head: Head, choices: Mapping[str, Any]
) -> tuple[Kind | None, dict[str, str] | None]:
    """What a person chose, or what the names of the columns say."""
    if head.reading.is_plain_text:
        return Kind.TEXT, head.reading.mapping
    if choices.get("kind"):
        kind = Kind(choices["kind"])
        return kind, choices.get("columns") or names.by_name(kind, head.columns)
    return names.recognise(head.columns, head.sample) or (None, None)
