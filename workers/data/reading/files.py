"""Files of people as a stream of bytes: decompressed, bounded, and known to be text."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from llmhub.lib.problems import Problem

if TYPE_CHECKING:
    from workers.data.reading.source import Limits, Meter

CHUNK = 1 << 18
# Below this an archive that expands a thousand times harms nobody.
HARMLESS_BYTES = 64 << 20

_FORMATS = {
    **dict.fromkeys((".txt", ".text", ".md"), "text"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_COMPRESSED = (".gz", ".zst")

_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
# At which offset which bytes say what a file is.
_ARCHIVES = (
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "RAR"),
    (0, b"\xfd7zXZ\0", "xz"),
    (4, b"1AY&SY", "bzip2"),
    (257, b"ustar", "tar"),
)
_BINARIES = (
    (0, b"PAR1", "Parquet"),
    (0, b"%PDF-", "PDF"),
    (0, b"\x89PNG", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF8", "GIF"),
    (0, b"\x7fELF", "ELF"),
    (0, b"SQLite format 3", "SQLite"),
)
_BOMS = (
    (0, b"\xff\xfe\0\0", "UTF-32"),
    (0, b"\0\0\xfe\xff", "UTF-32"),
    (0, b"\xff\xfe", "UTF-16"),
    (0, b"\xfe\xff", "UTF-16"),
)
_UTF8_BOM = b"\xef\xbb\xbf"


def format_by_name(name: str) -> str | None:
    path = PurePosixPath(name.lower())
    if path.suffix in _COMPRESSED:
        path = path.with_suffix("")
    return _FORMATS.get(path.suffix)


def compression(head: bytes) -> str:
    return next((name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), "")


@contextmanager
def reading() -> Iterator[None]:
    """What the disk says about a file or a folder becomes a Problem."""
    try:
        yield
    except OSError as error:
        raise Problem("unreadable", reason=error.strerror or str(error)) from error


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, unbuffered."""
    with reading(), path.open("rb", buffering=0) as raw:
        yield raw


def sha256(path: Path, add: Callable[[int], None]) -> str:
    """Tells `add` how many bytes more were read."""
    digest = hashlib.sha256()
    with opened(path) as raw:
        while chunk := raw.read(CHUNK):
            digest.update(chunk)
            add(len(chunk))
    return digest.hexdigest()


def size(path: Path) -> int:
    with opened(path) as raw:
        return os.fstat(raw.fileno()).st_size


def head(path: Path) -> bytes:
    """The first bytes as they are on the disk."""
    with opened(path) as raw:
        return raw.read(CHUNK)


def expanded_head(path: Path) -> bytes:
    """The first bytes, decompressed."""
    with opened(path) as raw:
        return next(_expanded(raw), b"")


def chunks(path: Path, limits: Limits, meter: Meter) -> Iterator[bytes]:
    """The decompressed bytes of a text file, without a byte order mark."""
    expanded = 0
    with opened(path) as raw:
        size = os.fstat(raw.fileno()).st_size
        for chunk in _expanded(raw):
            text = chunk if expanded else _start_of_text(chunk)
            expanded += len(chunk)
            refuse_expansion(expanded, size, limits)
            meter.in_file = raw.tell()
            yield text


def refuse_expansion(expanded: int, size: int, limits: Limits) -> None:
    """Stops at what fills a machine, whether it was made for that or not."""
    if expanded > limits.expanded_bytes:
        raise Problem("too_large_expanded", limit=limits.expanded_bytes)
    if expanded > max(HARMLESS_BYTES, limits.ratio * size):
        raise Problem("expands_too_much", ratio=limits.ratio)


def _expanded(raw: IO[bytes]) -> Iterator[bytes]:
    codec = compression(raw.read(max(map(len, _COMPRESSIONS))))
    raw.seek(0)
    # Not the streams of gzip and zstandard: the latter takes a truncated file for a whole one.
    stream = pa.CompressedInputStream(pa.PythonFile(raw, "r"), codec) if codec else raw
    try:
        while chunk := stream.read(CHUNK):
            yield chunk
    except OSError as error:
        if error.errno is not None:  # from the disk, not from the decompression
            raise
        if "Truncated" in str(error):
            raise Problem("truncated") from error
        raise Problem("damaged_archive", detail=str(error)) from error


def _start_of_text(chunk: bytes) -> bytes:
    for code, signs in (("is_archive", _ARCHIVES), ("binary", _BINARIES), ("utf16", _BOMS)):
        for offset, magic, found in signs:
            if chunk.startswith(magic, offset):
                raise Problem(code, found=found)
    return chunk.removeprefix(_UTF8_BOM)
