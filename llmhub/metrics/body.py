"""The body of a batch: JSON or msgpack, as it is or compressed, of bounded size.

In msgpack a column is raw numbers, little-endian: nothing is done for each point in Python.

    {"batch": number, "rows": n, "steps": n x int64, "times": n x float64, "series": {name: column}}

A column is n x float64 or, where some rows do not have the metric, ceil(n / 8) bytes of presence
(a bit a row, the first row in the highest) and then n x float64.
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

import msgspec
import numpy as np
import zstandard

from llmhub.lib.batches import MAX_BYTES, MAX_JSON_BYTES
from llmhub.metrics import wire
from llmhub.metrics.codec import Column, Points
from llmhub.metrics.wire import BadPoints, TooLarge, Value

MSGPACK = frozenset({"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"})


class Numbered(NamedTuple):
    batch: int
    points: Points


class Malformed(ValueError):
    """What cannot even be read."""

    @property
    def field(self) -> str:
        """Of a message that names a place like `$.steps[0]`, or begins with the field."""
        found = re.search(r"\$\.(\w+)", str(self)) or re.match(r"(body):", str(self))
        return found[1] if found else ""


class _Json(msgspec.Struct, forbid_unknown_fields=True):
    batch: int
    steps: list[int]
    times: list[float]
    series: dict[str, list[Value]]


class _Msgpack(msgspec.Struct, forbid_unknown_fields=True):
    batch: int
    rows: int
    steps: memoryview
    times: memoryview
    series: dict[str, memoryview]


def read(raw: bytes, content_type: str, encoding: str) -> Numbered:
    """Raises Malformed or BadPoints."""
    is_msgpack = content_type in MSGPACK
    try:
        plain = unpacked(raw, encoding, MAX_BYTES if is_msgpack else MAX_JSON_BYTES)
        return _msgpack(plain) if is_msgpack else _json(plain)
    except BadPoints:
        raise
    except (ValueError, RecursionError) as error:
        # Cut short, a field of another type, nested without end.
        raise Malformed(str(error)) from None


def _json(plain: bytes) -> Numbered:
    body = msgspec.json.decode(plain, type=_Json)
    return Numbered(body.batch, wire.read(body.steps, body.times, body.series))


def _msgpack(plain: bytes) -> Numbered:
    body = msgspec.msgpack.decode(plain, type=_Msgpack)
    rows = body.rows
    wire.check_size(rows, body.series)
    for name, column in (("steps", body.steps), ("times", body.times)):
        if len(column) != 8 * rows:
            raise BadPoints(f"{name}: {len(column)} bytes for {rows} rows")
    series = {name: _column(name, column, rows) for name, column in body.series.items()}
    steps, times = np.frombuffer(body.steps, "<i8"), np.frombuffer(body.times, "<f8")
    return Numbered(body.batch, wire.checked(Points(steps, times, series)))


def _column(name: str, column: memoryview, rows: int) -> Column:
    bits = -(-rows // 8)
    if len(column) == 8 * rows:
        return Column(np.ones(rows, bool), np.frombuffer(column, "<f8"))
    if len(column) != bits + 8 * rows:
        raise BadPoints(f"series.{name}: {len(column)} bytes for {rows} rows")
    packed = np.frombuffer(column, "u1", bits)
    present = np.unpackbits(packed, count=rows).view(bool)
    # A copy: behind the bits the numbers need not be aligned.
    return Column(present, np.frombuffer(column[bits:], "<f8").copy())


def unpacked(raw: bytes, encoding: str, most: int) -> bytes:
    """What was compressed, as far as it may go: what would be larger is not even made."""
    if encoding in ("", "identity"):
        plain = raw
    elif encoding == "gzip":
        plain = _from_gzip(raw, most)
    elif encoding == "zstd":
        plain = _from_zstd(raw, most)
    else:
        raise Malformed("Content-Encoding: identity, gzip or zstd")
    if len(plain) > most:
        raise TooLarge(f"body: more than {most} bytes")
    return plain


def _from_gzip(raw: bytes, most: int) -> bytes:
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = reader.decompress(raw, most + 1)
    except zlib.error as error:
        raise Malformed(f"body: {error}") from None
    if len(plain) <= most and (not reader.eof or reader.unused_data):
        raise Malformed("body: not one whole gzip stream")
    return plain


def _from_zstd(raw: bytes, most: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=False) as reader:
            plain = reader.read(most + 1)
    except (zstandard.ZstdError, MemoryError) as error:
        raise Malformed(f"body: {error}") from None
    return bytes(plain)
