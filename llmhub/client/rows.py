"""A row is one call of `log`: a step, a time and values; a journal keeps it as a line of JSON."""

from __future__ import annotations

import json
import logging
import math
import operator
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from llmhub.lib import metric_names
from llmhub.lib.batches import MAX_NAMES, MAX_STEP, MAX_TIME

Row = tuple[int, float, dict[str, Any]]

logger = logging.getLogger("llmhub.client")


class Troubles:
    """Counts what went wrong and says each kind once, so that a loop's output stays readable."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def note(self, kind: str, message: str, *args: object) -> None:
        with self._lock:
            self.counts[kind] += 1
            first = self.counts[kind] == 1
        if first:
            logger.warning(message, *args)


def encode(step: object, values: Mapping[str, Any], at: float | None, troubles: Troubles) -> bytes:
    """The journal's line of a row, or nothing where the row cannot be used at all."""
    number = _step(step)
    if number is None:
        troubles.note("bad_step", "A row was left out: %r is not a step.", step)
        return b""
    kept = dict(_usable(values, troubles))
    if not kept:
        return b""
    line = json.dumps([number, _time(at), kept], separators=(",", ":"), allow_nan=False)
    return line.encode("ascii") + b"\n"


def decode(line: bytes) -> Row | None:
    """The row of a line; None for the remains of a write that a crash or a full disk cut short."""
    try:
        step, at, values = json.loads(line)
        return (step, at, values) if isinstance(values, dict) else None
    except (ValueError, TypeError):
        return None


def columns(rows: list[Row]) -> dict[str, Any]:
    """Rows as the hub takes them: shared columns of steps and times, and one column a name."""
    names = dict.fromkeys(name for _, _, values in rows for name in values)
    return {
        "steps": [step for step, _, _ in rows],
        "times": [at for _, at, _ in rows],
        "series": {name: [values.get(name) for _, _, values in rows] for name in names},
    }


def _step(step: object) -> int | None:
    try:
        number = operator.index(step)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - whatever the object is, it must not end the training
        return None
    return number if 0 <= number <= MAX_STEP else None


def _time(at: float | None) -> float:
    try:
        stamp = time.time() if at is None else float(at)
    except Exception:  # noqa: BLE001 - whatever the object is, it must not end the training
        return time.time()
    return stamp if 0 <= stamp < MAX_TIME else time.time()


def _usable(values: Mapping[str, Any], troubles: Troubles) -> Iterable[tuple[str, float | str]]:
    for position, (name, value) in enumerate(values.items()):
        if position == MAX_NAMES:
            # A row with more could never be sent.
            troubles.note("too_many_names", "Only %d values of a row are kept.", MAX_NAMES)
            return
        if not metric_names.is_valid(name):
            troubles.note("bad_name", "A value was left out: %r is not a metric's name.", name)
            continue
        number = _number(value)
        if number is None:
            troubles.note("bad_value", "A value of %s was left out: it is not a number.", name)
            continue
        yield name, number


def _number(value: object) -> float | str | None:
    """A float; the words JSON lacks for the others; None where `value` is no number."""
    if isinstance(value, str | bytes):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - whatever the object is, it must not end the training
        return None
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
