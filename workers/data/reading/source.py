"""Registered files as a stream of rows; never more than a few of them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from llmhub.lib import manifest
from llmhub.lib.problems import Problem
from llmhub.lib.rows.columns import to_row
from llmhub.lib.rows.kinds import Kind, Row
from workers.data.reading import files, read

FORMATS = ("text", "jsonl", "csv", "tsv", "parquet")
ENCODINGS = ("utf-8", "cp1252")
EXAMPLES = 5  # of rows that were left out


@dataclass(frozen=True)
class DataFile:
    name: str
    path: Path
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Reading:
    """What somebody decided about files: how they are written, and which column is what."""

    format: str
    kind: Kind
    columns: dict[str, str]  # field -> column; a text file has none
    encoding: str = "utf-8"
    skip_bad: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS or self.encoding not in ENCODINGS:
            raise ValueError(f"unknown format or encoding: {self.format}, {self.encoding}")
        if self.is_plain_text and self.kind is not Kind.TEXT:
            raise Problem("only_text")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Reading:
        return cls(**{**values, "kind": Kind(values["kind"])})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def is_plain_text(self) -> bool:
        return self.format == "text"

    @property
    def mapping(self) -> dict[str, str]:
        return {"text": "text"} if self.is_plain_text else self.columns


@dataclass(frozen=True)
class Limits:
    """What one dataset may ask of the machine."""

    row_bytes: int = 16 << 20
    rows: int = 100_000_000
    expanded_bytes: int = 1 << 38  # of one file
    ratio: int = 100  # of decompressed to compressed bytes


@dataclass
class Meter:
    """How far the pass over the files is, and what it left out."""

    finished_files: int = 0  # bytes
    in_file: int = 0  # bytes
    skipped: int = 0
    examples: list[Problem] = field(default_factory=list)

    def restart(self) -> None:
        self.finished_files = self.in_file = self.skipped = 0
        self.examples.clear()

    def finish(self, file: DataFile) -> None:
        self.finished_files += file.bytes
        self.in_file = 0

    def skip(self, problem: Problem) -> None:
        self.skipped += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(problem)


class Item(NamedTuple):
    number: int  # from 0 over all files
    document: int
    row: Row


@dataclass(frozen=True)
class Source:
    """`meter` tells about the pass that is under way, or the last one."""

    files: Sequence[DataFile]
    reading: Reading
    limits: Limits = Limits()
    meter: Meter = field(default_factory=Meter, init=False, repr=False, compare=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Source:
        return cls(
            [DataFile(**{**file, "path": Path(file["path"])}) for file in values["files"]],
            Reading.parse(values["reading"]),
            Limits(**values.get("limits", {})),
        )

    @property
    def is_single_document(self) -> bool:
        return self.reading.is_plain_text and len(self.files) == 1

    def bytes_read(self) -> int:
        """Of the files as they are on the disk."""
        return self.meter.finished_files + self.meter.in_file

    def verify(self) -> None:
        for file in self.files:
            with read.about(file), files.reading():
                found = manifest.file_hash(file.path)
            if found != file.sha256:
                raise Problem("changed_on_disk", file=file.name, found=found, expected=file.sha256)

    def rows(self) -> Iterator[Item]:
        """Raises Problem at the first bad row, or leaves bad rows out: the same ones every time."""
        self.meter.restart()
        number = 0
        for document, file in enumerate(self.files):
            first = number
            for row in self._rows_of(file):
                if number >= self.limits.rows:
                    raise Problem("too_many_rows", limit=self.limits.rows)
                yield Item(number, document if self.reading.is_plain_text else number, row)
                number += 1
            if number == first:
                raise Problem("no_rows", file=file.name)
            self.meter.finish(file)

    def pieces(self) -> Iterator[tuple[int, str]]:
        """(document, text) of rows of text; the texts of a document joined are the document.

        Pieces of a long text end with a line, so that tokenizers see whole words.
        """
        if not self.reading.is_plain_text:
            yield from ((item.document, item.row["text"]) for item in self.rows())
            return
        self.meter.restart()
        for document, file in enumerate(self.files):
            for piece in read.pieces(file, self.reading, self.limits, self.meter):
                yield document, piece
            self.meter.finish(file)

    def _rows_of(self, file: DataFile) -> Iterator[Row]:
        for place, raw in read.raw_rows(file, self.reading, self.limits, self.meter):
            row = self._row(raw)
            if isinstance(row, Problem):
                self._leave_out(row.at(file=file.name, **read.named(place, self.reading)))
            else:
                yield row

    def _row(self, raw: read.Raw | Problem) -> Row | Problem:
        if isinstance(raw, Problem):
            return raw
        try:
            return to_row(self.reading.kind, self.reading.mapping, raw)
        except Problem as problem:
            return problem

    def _leave_out(self, problem: Problem) -> None:
        if not self.reading.skip_bad:
            raise problem
        self.meter.skip(problem)
