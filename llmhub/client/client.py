"""Logs numbers to the hub from a training loop: it never raises and never waits for the network."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from llmhub.client import rows
from llmhub.client.journal import Journal
from llmhub.client.rows import Troubles
from llmhub.client.sender import Post, Sender

# At most one batch in this time, unless there is more than one batch to send.
FLUSH_SECONDS = 0.1
AT_EXIT_SECONDS = 5.0


def _post(hub_url: str, run_id: int, token: str) -> Post:
    return Post(f"{hub_url.rstrip('/')}/api/v1/runs/{run_id}/points", token)


class Client:
    """Opening the same `journal_dir` again goes on where a process died before.

    The constructor raises what is wrong with its arguments; after it nothing raises.
    """

    def __init__(self, hub_url: str, run_id: int, token: str, journal_dir: str | Path) -> None:
        self._troubles = Troubles()
        self._post = _post(hub_url, run_id, token)
        self._journal = Journal(Path(journal_dir))
        self._sender = Sender(self._journal, self._post, self._troubles)
        self._writing = threading.Lock()
        self._something, self._closing = threading.Event(), threading.Event()
        self._deadline = float("inf")
        self._closed = self._all_sent = False
        self._thread = threading.Thread(target=self._work, name="llmhub-client", daemon=True)
        self._something.set()
        self._thread.start()
        atexit.register(self.close, AT_EXIT_SECONDS)

    def log(self, step: int, values: Mapping[str, Any], time: float | None = None) -> None:
        """Writes one row to the journal; a thread of its own brings it to the hub.

        Whatever `float()` takes is a value: numbers, numpy scalars, tensors of one element.
        """
        try:
            self._append(rows.encode(step, values, time, self._troubles))
        except Exception as error:  # noqa: BLE001 - training goes on
            self._troubles.note("lost_rows", "A row could not be logged: %r", error)

    def _append(self, line: bytes) -> None:
        if not line:
            return
        with self._writing:
            if self._closed:
                self._troubles.note("after_close", "A row is lost: the client is closed.")
                return
            kept, behind = self._journal.append(line), self._journal.is_behind()
        if not kept:
            self._troubles.note("lost_rows", "A row is lost: the disk of the journal is full.")
        if behind:
            self._troubles.note(
                "disk_full", "The disk of the journal is full; rows wait in memory."
            )
        self._something.set()

    @property
    def troubles(self) -> dict[str, int]:
        """How often each kind of trouble occurred; empty when all went well."""
        return dict(self._troubles.counts)

    def close(self, timeout: float = 10.0) -> bool:
        """Sends what is left; True when the hub has answered for every row. May be called twice."""
        atexit.unregister(self.close)
        if not self._closing.is_set():
            self._deadline = time.monotonic() + timeout
            self._closing.set()
            self._something.set()
        self._thread.join(timeout + 1)
        return self._all_sent

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _work(self) -> None:
        while not self._closing.is_set():
            self._something.wait()
            self._something.clear()
            self._drain()
            self._closing.wait(FLUSH_SECONDS)
        self._all_sent = self._drain() and not self._journal.has_unsent()
        self._post.close()
        with self._writing:
            self._closed = True
            self._journal.close()

    def _drain(self) -> bool:
        with self._writing:
            if self._journal.is_behind():
                self._journal.append(b"")
        try:
            return self._sender.drain(self._left, self._pause)
        except Exception as error:  # noqa: BLE001 - training goes on
            self._troubles.note("sender_errors", "The journal could not be sent: %r", error)
            return False

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _pause(self, seconds: float) -> None:
        """Waits before the next try; closing cuts the wait short, but not the waits after it."""
        if self._closing.is_set():
            time.sleep(max(0.0, min(seconds, self._left())))
        else:
            self._closing.wait(seconds)


def flush_leftover(
    journal_dir: str | Path,
    hub_url: str,
    run_id: int,
    token: str,
    timeout: float = 10.0,
) -> bool:
    """Sends what a dead process left in its journal; True when nothing is left to send.

    Raises JournalInUse where the process is alive after all.
    """
    deadline = time.monotonic() + timeout
    post = _post(hub_url, run_id, token)
    journal = Journal(Path(journal_dir))
    try:
        sender = Sender(journal, post, Troubles())
        return sender.drain(lambda: deadline - time.monotonic(), time.sleep)
    finally:
        post.close()
        journal.close()
