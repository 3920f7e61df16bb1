"""Reports on datasets that a test makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from llmhub.lib.rows.kinds import FIELDS, Kind
from tests.data.made import json_lines, source, write
from tests.data.people import REGIONS
from workers.data.derive.derive import derive
from workers.data.reading.source import Source
from workers.data.report.batches import Batch, batches
from workers.data.report.checks import Check
from workers.data.report.division import Division
from workers.data.report.examples import fetch
from workers.data.report.report import report


def rows(folder: Path, rows: Iterable[Any], kind: Kind = Kind.TEXT) -> Source:
    """Strings are rows of text."""
    made = [{"text": row} if isinstance(row, str) else row for row in rows]
    columns = {name: name for row in made for name in row} | {name: name for name in FIELDS[kind]}
    return source(write(folder / "rows.jsonl", json_lines(made)), kind=kind, columns=columns)


def passages(folder: Path, text: str) -> Source:
    return source(write(folder / "text.txt", text), format="text", columns={})


def undivided(source: Source) -> Iterator[Batch]:
    return batches(Division.undivided(source), lambda share: None)


def checked(check: Check, source: Source, division: Division | None = None) -> dict[str, Any]:
    for batch in batches(division or Division.undivided(source), lambda share: None):
        check.add(batch)
    return check.result(fetch(source, check.finish()))


def as_json(source: Source) -> dict[str, Any]:
    files = [
        {"name": file.name, "path": str(file.path), "sha256": file.sha256, "bytes": file.bytes}
        for file in source.files
    ]
    return {"files": files, "reading": source.reading.as_json()}


def job(source: Source, **changes: Any) -> dict[str, Any]:
    return {
        "source": as_json(source),
        "folder": mkdtemp(dir=source.files[0].path.parent),
        "validation_share": 0.1,
        "context_length": 1024,
        "tokenized": None,
        "tokenizer": {"path": None},
        "benchmarks": [],
        "phone_regions": list(REGIONS),
    } | changes


def measured(source: Source, **changes: Any) -> dict[str, Any]:
    return report(job(source, **changes), lambda phase, done, total: None)


def derived(source: Source, **changes: Any) -> tuple[dict[str, Any], Source]:
    """What was done, and the new version."""
    folder = Path(mkdtemp(dir=source.files[0].path.parent))
    output = folder / "output"
    done = derive(job(source, output=str(output), **changes), lambda phase, done, total: None)
    file = write(folder / done["name"], output.read_bytes())
    return done, Source.parse({"files": [vars(file)], "reading": done["reading"]})
