"""What a call of `log` leaves on disk: one record, packed at once where its names are known."""

from __future__ import annotations

import logging
import operator
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from struct import Struct
from typing import Any
from zlib import crc32

from llmhub.lib import metric_names
from llmhub.lib.batches import MAX_NAMES, MAX_STEP, MAX_TIME

# The upper half of a record's first word; the lower one is the number of its names.
ROW = 0x6C6C6872
COLUMNS = 0x6C6C6863
WORD = 8
# Words of a row beside its values: the first one, step, time, and the check at the end.
FRAME = 4
# A dict that holds itself ends here.
MAX_DEPTH = 8

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

    def after_fork(self) -> None:
        """A thread that the child does not have may hold the lock."""
        self._lock = threading.Lock()


class Shape:
    """How rows of the same names are packed; struct converts the values on its way."""

    __slots__ = ("count", "head", "names", "pack", "size")

    def __init__(self, number: int, names: tuple[str, ...]) -> None:
        row = Struct(f"<Qqd{len(names)}d")
        self.names, self.count = names, len(names)
        self.head = ROW << 32 | number
        self.pack = row.pack
        self.size = row.size + WORD


def checked(body: bytes) -> bytes:
    """The record with its last word: by it a record is whole, wherever a write was cut."""
    return body + crc32(body).to_bytes(WORD, "little")


def step_of(step: object) -> int | None:
    try:
        number = operator.index(step)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - whatever the object is, it must not end the training
        return None
    return number if 0 <= number <= MAX_STEP else None


def time_of(at: object) -> float:
    try:
        stamp = time.time() if at is None else float(at)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - whatever the object is, it must not end the training
        return time.time()
    return stamp if 0 <= stamp < MAX_TIME else time.time()


def usable(values: Mapping[str, Any], troubles: Troubles) -> dict[str, float]:
    """The numbers of a row by their names; what is none is left out, counted and told."""
    kept: dict[str, float] = {}
    for name, value in flat(values):
        if not metric_names.is_valid(name):
            troubles.note("bad_name", "A value was left out: %.300r is not a metric's name.", name)
        elif (number := number_of(value)) is None:
            troubles.note("bad_value", "A value of %s was left out: it is not a number.", name)
        elif len(kept) == MAX_NAMES and name not in kept:
            # A row with more could never be sent.
            troubles.note("too_many_names", "Only %d values of a row are kept.", MAX_NAMES)
            break
        else:
            kept[name] = number
    return kept


def flat(values: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """{"train": {"loss": 1}} is train/loss."""
    for name, value in values.items():
        whole = f"{prefix}{name}" if prefix else name
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            yield from flat(value, f"{whole}/", depth + 1)
        else:
            yield whole, value


def number_of(value: object) -> float | None:
    """A float, NaN and the infinities among them; None where `value` is no number."""
    if isinstance(value, str | bytes):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - whatever the object is, it must not end the training
        return None
