"""A batch as the hub takes it: msgpack with raw columns, or JSON for a hub that is older."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from llmhub.client.records import Part
from llmhub.client.rows import WORD
from llmhub.lib.json_floats import word

MSGPACK, JSON = "application/msgpack", "application/json"


class Columns(NamedTuple):
    rows: int
    steps: bytes
    times: bytes
    # A value for each row; where a metric has not every row, before them a bit for each row.
    series: dict[str, bytes]


def columns(parts: Sequence[Part]) -> Columns:
    names = dict.fromkeys(name for part in parts for name in part.names)
    found: dict[str, list[bytes]] = {name: [] for name in names}
    for part in parts:
        of = dict(zip(part.names, part.columns, strict=True))
        nothing = bytes(part.rows * WORD) if len(of) < len(found) else b""
        for name, pieces in found.items():
            pieces.append(of.get(name, nothing))
    series = {name: _presence(parts, name) + b"".join(pieces) for name, pieces in found.items()}
    return Columns(
        sum(part.rows for part in parts),
        b"".join(part.steps for part in parts),
        b"".join(part.times for part in parts),
        series,
    )


def _presence(parts: Sequence[Part], name: str) -> bytes:
    """Nothing where all rows have it; else a bit for each row, the first in the highest."""
    if all(name in part.names for part in parts):
        return b""
    bits = "".join(("1" if name in part.names else "0") * part.rows for part in parts)
    size = (len(bits) + 7) // 8
    return int(bits.ljust(size * 8, "0"), 2).to_bytes(size, "big")


def msgpack_body(number: int, batch: Columns) -> bytes:
    return msgspec.msgpack.encode({"batch": number, **batch._asdict()})


def json_body(number: int, batch: Columns) -> bytes:
    body = {
        "batch": number,
        "steps": array("q", batch.steps).tolist(),
        "times": array("d", batch.times).tolist(),
        "series": {name: _values(batch.rows, column) for name, column in batch.series.items()},
    }
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")


def _values(rows: int, column: bytes) -> list[Any]:
    values = array("d", column[-rows * WORD :])
    worded = [word(value) for value in values]
    if len(column) == rows * WORD:
        return worded
    present = int.from_bytes(column[: -rows * WORD], "big")
    width = len(column[: -rows * WORD]) * 8
    return [value if present >> (width - 1 - row) & 1 else None for row, value in enumerate(worded)]
