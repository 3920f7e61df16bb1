"""Takes batches from a journal to the hub, one at a time and in order."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

from llmhub.client import wire
from llmhub.client.connection import Post, Unreachable
from llmhub.client.journal import MAX_BATCH_ROWS
from llmhub.client.rows import Troubles

__all__ = ["Post", "Sender", "Unreachable"]

REQUEST_SECONDS = 10.0
# Bytes a second that a line must carry: a batch is repeated as it is and must get through once.
SLOW_LINE = 100_000
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0
# The attempt is over, replaced or unknown: no later batch would be taken either.
STOPS = frozenset({401, 403, 404, 409, 410})
# This batch is wrong; the next one may be right.
NEVER = frozenset({400, 422})
TOO_LARGE = 413
OTHER_FORM = 415
# What a hub takes at once that knows only JSON.
MAX_JSON_ROWS = 4000
# Smaller ones fit into a packet or two anyway.
MIN_COMPRESSED_BYTES = 2000


class Backlog(Protocol):
    """Batches of a journal, one after another; `Any` is its own kind of batch."""

    def next_batch(self, max_rows: int) -> Any: ...

    def split(self, batch: Any) -> None: ...

    def shorten(self, batch: Any, rows: int) -> None: ...

    def acknowledge(self, batch: Any) -> None: ...

    def set_aside(self, batch: Any, reason: str) -> None: ...


class Sender:
    def __init__(self, journal: Backlog, post: Post, troubles: Troubles) -> None:
        self._journal, self._post, self._troubles = journal, post, troubles
        # Set when the hub will take nothing more of this attempt.
        self.refused = False
        self._max_rows = self._most_rows = MAX_BATCH_ROWS
        self._form = wire.MSGPACK
        # Whether the hub has taken a batch of this form.
        self._is_proven = False

    def drain(self, left: Callable[[], float], pause: Callable[[float], object]) -> bool:
        """Sends until nothing is unsent (True), the hub refuses, or `left()` seconds are none."""
        failures = 0
        while not self.refused and left() > 0:
            batch = self._journal.next_batch(self._max_rows)
            if batch is None:
                return True
            try:
                self._send(batch, left)
                failures = 0
            except Unreachable as error:
                failures += 1
                self._troubles.note("retries", "The hub did not take a batch: %s", error)
                pause(max(0.0, min(left(), max(error.wait, _wait(failures)))))
        return False

    def _send(self, batch: Any, left: Callable[[], float]) -> None:
        if not batch.rows:
            self._journal.acknowledge(batch)
            return
        if self._form == wire.JSON and batch.rows > MAX_JSON_ROWS:
            self._journal.shorten(batch, MAX_JSON_ROWS)
            return
        body, headers = self._body(batch)
        timeout = max(0.1, min(REQUEST_SECONDS + len(body) / SLOW_LINE, left()))
        self._settle(batch, *self._post(body, timeout, headers))

    def _body(self, batch: Any) -> tuple[bytes, dict[str, str]]:
        headers = {"Content-Type": self._form}
        columns = wire.columns(batch.parts)
        if self._form == wire.JSON:
            return wire.json_body(batch.number, columns), headers
        body = wire.msgpack_body(batch.number, columns)
        compress = None if self._post.is_local else _zstd()
        if compress is None or len(body) < MIN_COMPRESSED_BYTES:
            return body, headers
        return compress(body), {**headers, "Content-Encoding": "zstd"}

    def _settle(self, batch: Any, status: int, text: str, retry_after: str) -> None:
        if 200 <= status < 300:
            self._is_proven = True
            self._journal.acknowledge(batch)
            self._max_rows = min(self._most_rows, self._max_rows * 2)
        elif self._may_take_another_form(status):
            return
        elif status in STOPS:
            self.refused = True
            self._troubles.note("refused", "The hub takes no more points: %d %.200s", status, text)
        elif status == TOO_LARGE and batch.rows > 1:
            self._max_rows = max(1, batch.rows // 2)
            self._journal.split(batch)
        elif status in NEVER or status == TOO_LARGE:
            self._journal.set_aside(batch, f"{status} {text[:500]}")
            self._troubles.note("set_aside", "The hub refused a batch: %d %.500s", status, text)
        else:
            raise Unreachable(f"{status} {text[:200]}", _seconds(retry_after))

    def _may_take_another_form(self, status: int) -> bool:
        """An older hub takes JSON; it calls what it cannot read 400, as it does a wrong batch."""
        if status == OTHER_FORM and self._form == wire.MSGPACK:
            self._be_json()
            return True
        if status not in NEVER or self._is_proven:
            return False
        if self._form == wire.MSGPACK and status == 400:
            self._be_json()
            return True
        # Neither: the batch was wrong, and the next one begins anew.
        self._form, self._most_rows = wire.MSGPACK, MAX_BATCH_ROWS
        return False

    def _be_json(self) -> None:
        self._form, self._is_proven = wire.JSON, False
        self._max_rows = self._most_rows = MAX_JSON_ROWS


@cache
def _zstd() -> Callable[[bytes], bytes] | None:
    """Where it is installed."""
    try:
        import zstandard
    except ImportError:
        return None
    # One compressor for each call: threads may not share one.
    return lambda body: zstandard.ZstdCompressor(level=1).compress(body)


def _wait(failures: int) -> float:
    """Doubles with each failure, spread so that many trainers do not return at the same moment."""
    full = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures, 20))
    return full * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _seconds(retry_after: str) -> float:
    return min(60.0, float(retry_after)) if retry_after.isdigit() else 0.0
