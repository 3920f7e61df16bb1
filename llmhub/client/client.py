"""Logs numbers to the hub from a training loop: it never raises and never waits for the network."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from llmhub.client.connection import Post
from llmhub.client.journal import Journal
from llmhub.client.old_journal import OldJournal
from llmhub.client.recorder import Recorder
from llmhub.client.rows import Troubles
from llmhub.client.sender import Backlog, Sender

# Between two batches, so many times as long as the last one took: a hub that answers at once shows
# points soon, and one that is busy is asked less often.
REST = 4
SHORTEST_REST, LONGEST_REST = 0.02, 0.5
AT_EXIT_SECONDS = 5.0

Left = Callable[[], float]
Pause = Callable[[float], object]
Drain = Callable[[Left, Pause], bool]


def points_url(hub_url: str, run_id: int | str) -> str:
    return f"{hub_url.rstrip('/')}/api/v1/runs/{run_id}/points"


class Points:
    """All batches of a folder, those that an older client left behind first."""

    def __init__(self, folder: Path, journal: Journal, post: Post, troubles: Troubles) -> None:
        old = OldJournal(folder)
        backlogs: list[Backlog] = [old, journal] if old.has_unsent() else [journal]
        self._senders = [Sender(backlog, post, troubles) for backlog in backlogs]

    def drain(self, left: Left, pause: Pause) -> bool:
        while len(self._senders) > 1:
            if not self._senders[0].drain(left, pause):
                return False
            self._senders.pop(0)
        return self._senders[0].drain(left, pause)

    @property
    def is_refused(self) -> bool:
        """The hub will take nothing more of this attempt."""
        return self._senders[0].refused


class Courier:
    """The thread that brings to the hub what the recorder has written."""

    def __init__(
        self, recorder: Recorder, drain: Drain, end: Callable[[], bool], troubles: Troubles
    ) -> None:
        self._recorder, self._troubles = recorder, troubles
        self._drain_all, self._end = drain, end
        self._closing = threading.Event()
        self._deadline = float("inf")
        self.all_sent = False
        self._thread = threading.Thread(target=self._work, name="llmhub-client", daemon=True)

    def start(self) -> None:
        self._recorder.something.set()
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """Sends what is left; may be called twice."""
        if not self._closing.is_set():
            self._deadline = time.monotonic() + timeout
            self._closing.set()
            self._recorder.something.set()
        self._thread.join(timeout + 1)
        return self.all_sent

    def _work(self) -> None:
        while not self._closing.is_set():
            self._recorder.something.wait()
            self._recorder.something.clear()
            started = time.monotonic()
            self._drain()
            took = time.monotonic() - started
            self._closing.wait(min(max(SHORTEST_REST, REST * took), LONGEST_REST))
        # Here, so that no other thread takes the journal away from a request under way.
        self.all_sent = self._drain() & self._end()

    def _drain(self) -> bool:
        try:
            self._recorder.catch_up()
            return self._drain_all(self._left, self._pause)
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


class Client:
    """Opening the same `journal_dir` again goes on where a process died before.

    The constructor raises what is wrong with its arguments; after it nothing raises.
    """

    def __init__(self, hub_url: str, run_id: int, token: str, journal_dir: str | Path) -> None:
        folder = Path(journal_dir)
        self._troubles = Troubles()
        post = Post(points_url(hub_url, run_id), token)
        journal = Journal(folder)
        self._recorder = Recorder(journal, self._troubles)
        points = Points(folder, journal, post, self._troubles)
        self._courier = Courier(self._recorder, points.drain, self._recorder.close, self._troubles)
        self._courier.start()
        atexit.register(self.close, AT_EXIT_SECONDS)

    def log(self, step: int, values: Mapping[str, Any], time: float | None = None) -> None:
        """Writes one row to the journal; a thread of its own brings it to the hub.

        Whatever `float()` takes is a value: numbers, numpy scalars, tensors of one element.
        """
        self._recorder.log(step, values, time)

    def log_columns(self, steps: Any, series: Mapping[str, Any], times: Any = None) -> None:
        """Many rows at once, a column of numbers for each name."""
        self._recorder.log_columns(steps, times, series)

    @property
    def troubles(self) -> dict[str, int]:
        """How often each kind of trouble occurred; empty when all went well."""
        return dict(self._troubles.counts)

    def close(self, timeout: float = 10.0) -> bool:
        """Sends what is left; True when the hub has answered for every row. May be called twice."""
        atexit.unregister(self.close)
        if self._recorder.is_forked:
            return False
        return self._courier.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


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
    folder = Path(journal_dir)
    post = Post(points_url(hub_url, run_id), token)
    journal = Journal(folder)
    try:
        points = Points(folder, journal, post, Troubles())
        return points.drain(lambda: deadline - time.monotonic(), time.sleep)
    finally:
        post.close()
        journal.close()
