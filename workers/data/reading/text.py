"""Bytes as text, cut where a reader would pause; where the bytes were cut does not matter."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from llmhub.lib.problems import Problem

LONGEST = 1 << 16  # characters of a passage or a piece
_PARAGRAPH_END = re.compile(r"\n\r?\n(?=[^\r\n])")
_HINT_BYTES = 1 << 12


def passages(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Cut after blank lines; longer ones after a line."""
    return _cut(decoded(chunks, encoding), _end_of_passage)


def pieces(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """As long as they may be, cut after a line."""
    return _cut(decoded(chunks, encoding), _end_of_line)


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """Raises Problem where the bytes are not text in this encoding, or nothing but blank."""
    place, is_blank, rest = _Place(), True, b""
    for chunk in chunks:
        data = rest + chunk
        text, used = _decode(data, encoding, place, is_last=False)
        place.pass_by(data[:used])
        rest = data[used:]
        is_blank = is_blank and (not text or text.isspace())
        yield text
    _decode(rest, encoding, place, is_last=True)
    if is_blank:
        raise Problem("no_rows")


def decode_line(line: bytes, encoding: str) -> str:
    """Raises Problem, without a place."""
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError as error:
        raise undecodable(error, encoding) from error
    if "\0" in text:
        raise Problem("binary", found="NUL")
    return text


def undecodable(error: UnicodeDecodeError, encoding: str, place: _Place | None = None) -> Problem:
    """`byte` counts from 1 in its line."""
    data = error.object
    byte = (place or _Place()).byte(data, error.start)
    found = f"0x{data[error.start]:02X}"
    if encoding == "cp1252":
        return Problem("not_cp1252", byte=byte, found=found)
    around = data[max(0, error.start - _HINT_BYTES) : error.start + _HINT_BYTES]
    hint = "cp1252" if _reads_as_cp1252(around) else ""
    return Problem("not_utf8", byte=byte, found=found, encoding=hint)


def _reads_as_cp1252(data: bytes) -> bool:
    """Whether what is not ASCII becomes letters for the most part."""
    try:
        others = bytes(byte for byte in data if byte >= 0x80).decode("cp1252")
    except UnicodeDecodeError:
        return False
    return 2 * sum(map(str.isalpha, others)) > len(others)


@dataclass
class _Place:
    """Where in a text the next bytes are."""

    line: int = 1
    before: int = 0  # bytes of the line

    def pass_by(self, data: bytes) -> None:
        self.before = self.byte(data, len(data)) - 1
        self.line += data.count(b"\n")

    def byte(self, data: bytes, index: int) -> int:
        """From 1 in its line, of `data[index]`."""
        line_feed = data.rfind(b"\n", 0, index)
        return index - line_feed if line_feed >= 0 else self.before + index + 1


def _decode(data: bytes, encoding: str, place: _Place, *, is_last: bool) -> tuple[str, int]:
    """The text, and how many bytes it took: a last character may not be complete yet."""
    try:
        if encoding == "utf-8":
            text, used = codecs.utf_8_decode(data, "strict", is_last)
        else:
            text, used = data.decode(encoding), len(data)
    except UnicodeDecodeError as error:
        line = place.line + data.count(b"\n", 0, error.start)
        raise undecodable(error, encoding, place).at(line=line) from error
    if "\0" in text:
        line = place.line + text.count("\n", 0, text.index("\0"))
        raise Problem("binary", found="NUL", line=line)
    return text, used


def _cut(texts: Iterable[str], end: Callable[[str, int], int]) -> Iterator[str]:
    """Each part is decided by LONGEST + 1 characters from its start."""
    rest = ""
    for text in texts:
        rest += text
        start = 0
        while len(rest) - start > LONGEST:
            stop = end(rest, start)
            yield rest[start:stop]
            start = stop
        rest = rest[start:]
    start = 0
    while start < len(rest):
        stop = end(rest, start)
        yield rest[start:stop]
        start = stop


def _end_of_passage(text: str, start: int) -> int:
    blank_line = _PARAGRAPH_END.search(text, start, start + LONGEST + 1)
    return blank_line.end() if blank_line else _end_of_line(text, start)


def _end_of_line(text: str, start: int) -> int:
    longest = start + LONGEST
    if len(text) <= longest:
        return len(text)
    return text.rfind("\n", start, longest) + 1 or longest
