"""The words of many rows at once, as numbers: where each is, and a hash of it.

A word is a run of letters, digits and marks of any script, in lower case. Scripts that are written
without spaces (Chinese, Japanese, Thai, ...) count each character as a word. A run of more than 64
bytes, as of encoded binary data, counts as several words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from workers.data.report.arrays import Indices
from workers.data.report.hashing import mix

Hashes = NDArray[np.uint64]

LONGEST = 64  # bytes of a word

# Classes of bytes: no part of a word, part of one, and the characters that are words themselves:
# their first byte and the others.
_OUTSIDE, _LETTER, _ALONE, _ALONE_REST = range(4)
_ASCII = bytes(_LETTER if chr(byte).isalnum() and byte < 128 else _OUTSIDE for byte in range(256))
_WITHOUT_SPACES = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),  # Thai, Lao, Burmese, Khmer
    *((0x3005, 0x3007), (0x3041, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)),  # Japanese
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),  # Chinese
)
# The first n of eight bytes, read as a little-endian number.
_FIRST = np.array([(1 << 8 * n) - 1 for n in range(9)], dtype=np.uint64)


@dataclass(frozen=True)
class Words:
    """`first` has one number more than there are rows: row i has the words first[i]:first[i+1]."""

    data: bytes  # UTF-8 of the rows in lower case, one behind the other
    starts: Indices  # [words] in bytes of `data`
    lengths: Indices  # [words] in bytes
    hashes: Hashes  # [words]
    first: Indices  # [rows + 1]

    @property
    def per_row(self) -> Indices:
        return np.diff(self.first)

    def text(self, start: int, words: int) -> str:
        """What some words in a row, and the characters between them, say in lower case."""
        last = start + words - 1
        end = self.starts[last] + self.lengths[last]
        return self.data[self.starts[start] : end].decode(errors="replace")


def split(texts: Sequence[str]) -> Words:
    rows = [text.lower().encode(errors="replace") for text in texts]
    # A byte between the rows, so that no word spans two; eight at the end, as words are read by
    # eight bytes.
    data = b"\n" + b"\n".join(rows) + bytes(9)
    sizes = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows)) + 1
    ends = 1 + np.cumsum(sizes)
    starts, lengths = _cut(*_runs(_classes(data)))
    first = np.concatenate([[0], np.searchsorted(starts, ends)])
    return Words(data, starts, lengths, _hashes(data, starts, lengths), first)


def _classes(data: bytes) -> NDArray[np.uint8]:
    classes = np.frombuffer(bytearray(data.translate(_ASCII)), dtype=np.uint8)
    if not data.isascii():
        _classify_others(np.frombuffer(data, dtype=np.uint8), classes)
    return classes


def _classify_others(data: NDArray[np.uint8], classes: NDArray[np.uint8]) -> None:
    """Gives the bytes of a character beyond ASCII the class of the character."""
    leads = np.flatnonzero(data >= 0xC0)
    first = data[leads]
    sizes = 2 + (first >= 0xE0) + (first >= 0xF0)
    points = (first & (0x7F >> sizes)).astype(np.uint32)
    for i in (1, 2, 3):
        more = sizes > i
        points[more] = points[more] << 6 | data[leads[more] + i] & 0x3F
    found = _table()[points]
    classes[leads] = found
    rest = np.where(found == _ALONE, _ALONE_REST, found).astype(np.uint8)
    for i in (1, 2, 3):
        more = sizes > i
        classes[leads[more] + i] = rest[more]


@cache
def _table() -> NDArray[np.uint8]:
    """The class of each code point."""
    table = np.zeros(0x110000, dtype=np.uint8)
    for point in range(0x80, 0x40000):
        if unicodedata.category(chr(point))[0] in "LNM":
            table[point] = _LETTER
    for start, end in _WITHOUT_SPACES:
        span = table[start : end + 1]
        span[span == _LETTER] = _ALONE
    return table


def _runs(classes: NDArray[np.uint8]) -> tuple[Indices, Indices]:
    """Where words start, and how long they are."""
    before, here = classes[:-1], classes[1:]
    starting = (here == _ALONE) | ((here == _LETTER) & (before != _LETTER))
    ending = (before != _OUTSIDE) & ((here == _OUTSIDE) | starting)
    starts, ends = np.flatnonzero(starting) + 1, np.flatnonzero(ending) + 1
    return starts, ends - starts


def _cut(starts: Indices, lengths: Indices) -> tuple[Indices, Indices]:
    if not len(lengths) or lengths.max() <= LONGEST:
        return starts, lengths
    pieces = -(-lengths // LONGEST)
    nth = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    before = nth * LONGEST
    rest = np.repeat(lengths, pieces) - before
    return np.repeat(starts, pieces) + before, np.minimum(rest, LONGEST)


def _hashes(data: bytes, starts: Indices, lengths: Indices) -> Hashes:
    """Reads the words by eight bytes, all first eights at once, then all second ones."""
    eights = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
    hashes = mix(lengths.astype(np.uint64) ^ (eights[starts] & _FIRST[np.minimum(lengths, 8)]))
    for at in range(8, LONGEST, 8):
        longer = np.flatnonzero(lengths > at)
        if not len(longer):
            break
        left = np.minimum(lengths[longer] - at, 8)
        hashes[longer] = mix(hashes[longer] + (eights[starts[longer] + at] & _FIRST[left]))
    return hashes
