"""Takes what a script logs and has it on disk when the call returns; it never raises."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from itertools import repeat
from os import register_at_fork
from time import time as now
from typing import Any

from llmhub.client import columns, rows
from llmhub.client.journal import Journal
from llmhub.client.rows import Shape, Troubles
from llmhub.lib import metric_names
from llmhub.lib.batches import MAX_NAMES, MAX_NAMES_OF_RUN, MAX_STEP


class Recorder:
    def __init__(self, journal: Journal, troubles: Troubles) -> None:
        self._journal, self._troubles = journal, troubles
        self._writing = threading.Lock()
        # Set while there may be something to send.
        self.something = threading.Event()
        self._ended = ""
        self.points = 0
        _alive.add(self)

    def log(self, step: Any, values: Mapping[str, Any], time: float | None = None) -> None:
        """The common case first: names that were seen before, and nothing but numbers."""
        try:
            shape = self._journal.shape(tuple(values))
            if shape is None or time is not None or not 0 <= step <= MAX_STEP:
                self._log_slowly(step, values, time)
                return
            body = shape.pack(shape.head, step, now(), *values.values())
        except Exception:  # noqa: BLE001 - the other way says what is wrong
            self._log_slowly(step, values, time)
            return
        self._write(rows.checked(body), shape.count)

    def _log_slowly(self, step: Any, values: Mapping[str, Any], time: float | None) -> None:
        try:
            number = rows.step_of(step)
            if number is None:
                self._troubles.note("bad_step", "A row was left out: %.300r is not a step.", step)
                return
            kept = self._within_names(rows.usable(values, self._troubles))
            if kept:
                shape = self._learn(tuple(kept))
                body = shape.pack(shape.head, number, rows.time_of(time), *kept.values())
                self._write(rows.checked(body), shape.count)
        except Exception as error:  # noqa: BLE001 - training goes on
            self._troubles.note("lost_rows", "A row could not be logged: %r", error)

    def _within_names(self, values: dict[str, Any]) -> dict[str, Any]:
        """Without names beyond what a run may have: the hub would refuse the whole batch."""
        fresh = values.keys() - self._journal.names
        over = len(self._journal.names) + len(fresh) - MAX_NAMES_OF_RUN
        if over <= 0:
            return values
        reason = "Metrics were left out: a run has at most %d names."
        self._troubles.note("too_many_names", reason, MAX_NAMES_OF_RUN)
        dropped = set(sorted(fresh)[-over:])
        return {name: value for name, value in values.items() if name not in dropped}

    def log_columns(self, steps: Any, times: Any, series: Mapping[str, Any]) -> int | None:
        """The last step; `times` None is now, for all rows."""
        try:
            if times is None:
                times = list(repeat(now(), len(steps)))
            named = {name: series[name] for name in series if self._is_name(name)}
            kept = self._within_names(named)
            try:
                table = columns.table(steps, times, kept)
            except TypeError:
                return self._log_rows(steps, times, kept)
            self._write_table(table)
            return int.from_bytes(table.steps[-rows.WORD :], "little") if table.rows else None
        except Exception as error:  # noqa: BLE001 - training goes on
            self._troubles.note("lost_columns", "Columns could not be logged: %r", error)
            return None

    def _log_rows(self, steps: Any, times: Any, series: Mapping[str, Any]) -> int | None:
        """Where a column is not all numbers: None is a row without a value of it."""
        table = list(zip(steps, times, *series.values(), strict=True))
        for step, at, *values in table:
            named = zip(series, values, strict=True)
            self.log(step, {name: value for name, value in named if value is not None}, at)
        return rows.step_of(table[-1][0]) if table else None

    def _is_name(self, name: object) -> bool:
        if metric_names.is_valid(name):
            return True
        self._troubles.note(
            "bad_name", "A column was left out: %.300r is not a metric's name.", name
        )
        return False

    def _write_table(self, table: columns.Table) -> None:
        names = list(table.series)
        for first in range(0, len(names), MAX_NAMES):
            shape = self._learn(tuple(names[first : first + MAX_NAMES]))
            size = rows.WORD * (2 + shape.count)
            for record in columns.records(table, shape):
                self._write(record, len(record) // size * shape.count)

    def _learn(self, names: tuple[str, ...]) -> Shape:
        with self._writing:
            return self._journal.shape(names) or self._journal.learn(names)

    def _write(self, record: bytes, points: int) -> None:
        with self._writing:
            if self._ended:
                self._troubles.note(f"after_{self._ended}", _ENDED[self._ended])
                return
            kept = self._journal.append(record)
            behind = self._journal.is_behind()
            self.points += points
        if behind or not kept:
            self._tell_of_the_disk(kept)
        if not self.something.is_set():
            self.something.set()

    def _tell_of_the_disk(self, kept: bool) -> None:
        if not kept:
            self._troubles.note("lost_rows", "A row is lost: the disk of the journal is full.")
        self._troubles.note("disk_full", "The disk of the journal is full; rows wait in memory.")

    def catch_up(self) -> None:
        """Tries a disk again that was full."""
        with self._writing:
            if not self._ended and self._journal.is_behind():
                self._journal.append(b"")

    def close(self) -> bool:
        """True when the hub has answered for every row."""
        with self._writing:
            all_sent = not self._journal.has_unsent()
            self._ended = self._ended or "close"
            self._journal.close()
            return all_sent

    def _after_fork(self) -> None:
        """In the child: the journal is the parent's, and nobody here sends."""
        self._writing = threading.Lock()
        self.something = threading.Event()
        self._ended = self._ended or "fork"
        self._troubles.after_fork()

    @property
    def is_forked(self) -> bool:
        return self._ended == "fork"


_ENDED = {
    "close": "A row is lost: the client is closed.",
    "fork": "A row is left out: a forked process logs nothing unless it begins a run of its own.",
}
_alive: weakref.WeakSet[Recorder] = weakref.WeakSet()


def _after_fork() -> None:
    for recorder in list(_alive):
        recorder._after_fork()


register_at_fork(after_in_child=_after_fork)
