"""Whole columns of numbers as they go to the journal: raw bytes, in records that fit a batch."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import Any, NamedTuple

from llmhub.client.rows import COLUMNS, WORD, Shape, checked
from llmhub.lib.batches import MAX_ROWS, MAX_STEP, MAX_TIME

# Of a record: a batch holds some of them.
RECORD_BYTES = 2 << 20
_HEAD = Struct("<QQ")


class Uneven(ValueError):
    """Columns that cannot be laid side by side."""


class Table(NamedTuple):
    rows: int
    steps: bytes
    times: bytes
    series: dict[str, bytes]


def table(steps: Any, times: Any, series: Mapping[str, Any]) -> Table:
    """Raises whatever is wrong with the columns."""
    raw_steps, raw_times = whole_numbers(steps), floats(times)
    columns = {name: floats(values) for name, values in series.items()}
    for name, column in {"times": raw_times, **columns}.items():
        if len(column) != len(raw_steps):
            raise Uneven(
                f"{name}: {len(column) // WORD} values beside {len(raw_steps) // WORD} steps"
            )
    _check_range("steps", array("q", raw_steps), 0, MAX_STEP)
    _check_range("times", array("d", raw_times), 0, MAX_TIME)
    return Table(len(raw_steps) // WORD, raw_steps, raw_times, columns)


def _check_range(name: str, values: Sequence[float], low: float, high: float) -> None:
    numpy = sys.modules.get("numpy")
    if len(values) == 0:
        return
    if numpy is not None:
        seen = numpy.frombuffer(values, values.typecode)  # type: ignore[attr-defined]
        least, most = seen.min(), seen.max()
    else:
        least, most = min(values), max(values)
    # Written so that NaN fails it.
    if not (least >= low and most <= high):
        raise ValueError(f"{name}: from {low} to {high}, not {least} to {most}")


def records(table: Table, shape: Shape) -> Iterator[bytes]:
    """One for each stretch that a batch may hold."""
    most = max(1, min(MAX_ROWS, RECORD_BYTES // (WORD * (2 + shape.count))))
    columns = [table.steps, table.times, *(table.series[name] for name in shape.names)]
    kind = COLUMNS << 32 | shape.head & 0xFFFFFFFF
    for first in range(0, table.rows, most):
        rows = min(most, table.rows - first)
        cut = slice(first * WORD, (first + rows) * WORD)
        yield checked(b"".join((_HEAD.pack(kind, rows), *(column[cut] for column in columns))))


def floats(values: Any) -> bytes:
    return _raw(values, "d", "f8")


def whole_numbers(values: Any) -> bytes:
    return _raw(values, "q", "i8")


def _raw(values: Any, code: str, dtype: str) -> bytes:
    """Little-endian words of 8 bytes; numpy is used where the script has it anyway."""
    if isinstance(values, list | tuple | range):
        return array(code, values).tobytes()
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(values, "__array__"):
        seen = numpy.asarray(values)
        if code == "q" and seen.dtype.kind not in "iu":
            raise TypeError("steps are whole numbers")
        if seen.ndim != 1 or seen.dtype.kind not in "biuf":
            raise TypeError("a column is a row of numbers")
        return bytes(seen.astype(f"<{dtype}", copy=False).tobytes())
    return array(code, list(values)).tobytes()
