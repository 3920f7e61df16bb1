"""Rows as they are in a file, one after another, each with the place where it begins."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from llmhub.lib.problems import Problem
from workers.data.reading import files, parquet, text
from workers.data.reading.names import check_names

if TYPE_CHECKING:
    from workers.data.reading.source import DataFile, Limits, Meter, Reading

Raw = Mapping[str, Any]  # column -> value
# The number of the line (or, in Parquet, of the row) from 1; a Problem in place of a bad row.
Found = tuple[int, Raw | Problem]

# How deep the decoder itself goes depends on who calls it.
MAX_DEPTH = 200
_OBJECT = msgspec.json.Decoder(dict[str, Any])


def raw_rows(file: DataFile, reading: Reading, limits: Limits, meter: Meter) -> Iterator[Found]:
    """Raises Problem where the file itself cannot be read on."""
    with about(file):
        if reading.format == "parquet":
            yield from parquet.rows(file.path, reading.mapping.values(), limits, meter)
        else:
            chunks = files.chunks(file.path, limits, meter)
            yield from _READERS[reading.format](chunks, reading, limits)


def pieces(file: DataFile, reading: Reading, limits: Limits, meter: Meter) -> Iterator[str]:
    """A text file in as few parts as memory allows."""
    with about(file):
        yield from text.pieces(files.chunks(file.path, limits, meter), reading.encoding)


def named(place: int, reading: Reading) -> dict[str, int]:
    return {"row" if reading.format == "parquet" else "line": place}


@contextmanager
def about(file: DataFile) -> Iterator[None]:
    try:
        yield
    except Problem as problem:
        raise problem.at(file=file.name) from problem.__cause__


def lines(chunks: Iterable[bytes], limit: int) -> Iterator[bytes | Problem]:
    """Without their line feeds. A Problem for one of more than `limit` bytes, as soon as it is."""
    rest, is_refused = b"", False
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        rest += first
        for line in others:
            if not is_refused:
                yield rest if len(rest) <= limit else too_long(limit)
            rest, is_refused = line, False
        if len(rest) > limit and not is_refused:
            yield too_long(limit)
            is_refused = True
        if is_refused:
            rest = b""
    if rest:
        yield rest


def too_long(limit: int) -> Problem:
    return Problem("row_too_long", limit=limit)


def _passages(chunks: Iterable[bytes], reading: Reading, limits: Limits) -> Iterator[Found]:
    line = 1
    for passage in text.passages(chunks, reading.encoding):
        yield line, {"text": passage}
        line += passage.count("\n")


def _json_lines(chunks: Iterable[bytes], reading: Reading, limits: Limits) -> Iterator[Found]:
    is_first = True
    for number, line in enumerate(lines(chunks, limits.row_bytes), start=1):
        if isinstance(line, Problem):
            yield number, line
        elif line.strip():
            if is_first and line.lstrip().startswith(b"["):
                raise Problem("json_array")
            is_first = False
            yield number, _object(line, reading.encoding)


def _object(line: bytes, encoding: str) -> Raw | Problem:
    try:
        value = _OBJECT.decode(line if encoding == "utf-8" else line.decode(encoding))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return _what_is_wrong(line, encoding, error)
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _is_deep(value):
        return Problem("too_deep")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        lists = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for items in lists for item in items if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def _what_is_wrong(line: bytes, encoding: str, error: Exception) -> Problem:
    if isinstance(error, RecursionError):
        return Problem("too_deep")
    try:
        value = json.loads(text.decode_line(line, encoding))
        json.dumps(value, ensure_ascii=False).encode()
    except Problem as problem:
        return problem
    except UnicodeEncodeError:
        return Problem("lone_surrogate")
    except (ValueError, RecursionError):
        return Problem("not_json", detail=str(error).removeprefix("JSON is malformed: "))
    if not isinstance(value, dict):
        return Problem("not_object")
    return Problem("not_json", detail=str(error))


class _CsvLines:
    """Lines for the csv module, which asks for as many as a row has."""

    def __init__(self, lines: Iterator[bytes | Problem], encoding: str, limit: int) -> None:
        self.number = 0
        self.bytes_of_row = 0
        self._lines = lines
        self._encoding = encoding
        self._limit = limit

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        if isinstance(line, Problem):
            raise line
        self.bytes_of_row += len(line) + 1
        if self.bytes_of_row > self._limit + 1:
            raise too_long(self._limit)
        return text.decode_line(line, self._encoding) + "\n"


def _table(chunks: Iterable[bytes], reading: Reading, limits: Limits) -> Iterator[Found]:
    """CSV (RFC 4180) and TSV; the first row names the columns."""
    chunks = iter(chunks)
    first = next(chunks, b"")
    delimiter = "\t" if reading.format == "tsv" else _delimiter(first)
    whole = itertools.chain([first], chunks)
    feed = _CsvLines(lines(whole, limits.row_bytes), reading.encoding, limits.row_bytes)
    rows = _csv_rows(feed, delimiter, limits.row_bytes)
    number, header = next(rows, (0, []))
    if isinstance(header, Problem):
        raise header.at(line=number)
    check_names(header)
    for number, cells in rows:
        if isinstance(cells, Problem):
            yield number, cells
        elif len(cells) == len(header):
            yield number, dict(zip(header, cells, strict=True))
        else:
            yield number, Problem("wrong_cells", found=len(cells), expected=len(header))


def _delimiter(head: bytes) -> str:
    """Spreadsheets write semicolons where the comma is the decimal point, as in French."""
    header = head.lstrip().partition(b"\n")[0]
    return ";" if header.count(b";") > header.count(b",") else ","


def _csv_rows(
    feed: _CsvLines, delimiter: str, limit: int
) -> Iterator[tuple[int, list[str] | Problem]]:
    """After a row that is none, it goes on with the next line."""
    csv.field_size_limit(limit)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.bytes_of_row = 0
        number = feed.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except Problem as problem:
            yield number, problem
        except csv.Error as error:
            yield number, Problem("bad_csv", detail=str(error))
        else:
            if cells:
                yield number, cells


_READERS: dict[str, Callable[[Iterable[bytes], Reading, Limits], Iterator[Found]]] = {
    "text": _passages,
    "jsonl": _json_lines,
    "csv": _table,
    "tsv": _table,
}
