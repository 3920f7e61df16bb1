"""Takes batches from a journal to the hub, one at a time and in order."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Callable
from urllib.parse import urlsplit

from llmhub.client import rows
from llmhub.client.journal import MAX_BATCH_ROWS, Batch, Journal
from llmhub.client.rows import Troubles

REQUEST_SECONDS = 10.0
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0
# The attempt is over, replaced or unknown: no later batch would be taken either.
STOPS = frozenset({401, 403, 404, 409, 410})
# This batch is wrong; the next one may be right.
NEVER = frozenset({400, 422})
TOO_LARGE = 413


class Unreachable(Exception):
    """No answer, or one that promises nothing: try again, not before `wait` seconds."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Post:
    """POSTs JSON to one URL over a connection that is kept open."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not the URL of a hub.")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port)
        self._path = parts.path
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }

    def __call__(self, body: bytes, timeout: float) -> tuple[int, str, str]:
        """Status, text and Retry-After of the answer."""
        used_before = self._connection.sock is not None
        try:
            return self._exchange(body, timeout)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not used_before or isinstance(error, TimeoutError):
                raise Unreachable(repr(error)) from error
        # The hub closes connections that idled; a new one may well work at once.
        try:
            return self._exchange(body, timeout)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(repr(error)) from error

    def _exchange(self, body: bytes, timeout: float) -> tuple[int, str, str]:
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        self._connection.request("POST", self._path, body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read(1 << 20).decode("utf-8", "replace")
        return answer.status, text, answer.headers.get("Retry-After", "")

    def close(self) -> None:
        self._connection.close()


class Sender:
    def __init__(self, journal: Journal, post: Post, troubles: Troubles) -> None:
        self._journal, self._post, self._troubles = journal, post, troubles
        # Set when the hub will take nothing more of this attempt.
        self.refused = False
        self._max_rows = MAX_BATCH_ROWS

    def drain(self, left: Callable[[], float], pause: Callable[[float], object]) -> bool:
        """Sends until nothing is unsent (True), the hub refuses, or `left()` seconds are none."""
        failures = 0
        while not self.refused and left() > 0:
            batch = self._journal.next_batch(self._max_rows)
            if batch is None:
                return True
            try:
                self._send(batch, min(REQUEST_SECONDS, left()))
                failures = 0
            except Unreachable as error:
                failures += 1
                self._troubles.note("retries", "The hub did not take a batch: %s", error)
                pause(min(left(), max(error.wait, _wait(failures))))
        return False

    def _send(self, batch: Batch, timeout: float) -> None:
        if not batch.rows:
            self._journal.acknowledge(batch)
            return
        body = {"batch": batch.number, **rows.columns(batch.rows)}
        encoded = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
        self._settle(batch, *self._post(encoded, timeout))

    def _settle(self, batch: Batch, status: int, text: str, retry_after: str) -> None:
        if 200 <= status < 300:
            self._journal.acknowledge(batch)
            self._max_rows = min(MAX_BATCH_ROWS, self._max_rows * 2)
        elif status in STOPS:
            self.refused = True
            self._troubles.note("refused", "The hub takes no more points: %d %.200s", status, text)
        elif status == TOO_LARGE and len(batch.rows) > 1:
            self._max_rows = max(1, len(batch.rows) // 2)
            self._journal.split(batch)
        elif status in NEVER or status == TOO_LARGE:
            self._journal.set_aside(batch, f"{status} {text[:500]}")
            self._troubles.note("set_aside", "The hub refused a batch: %d %.500s", status, text)
        else:
            raise Unreachable(f"{status} {text[:200]}", _seconds(retry_after))


def _wait(failures: int) -> float:
    """Doubles with each failure, spread so that many trainers do not return at the same moment."""
    full = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures, 20))
    return full * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _seconds(retry_after: str) -> float:
    return min(60.0, float(retry_after)) if retry_after.isdigit() else 0.0
