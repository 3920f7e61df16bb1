"""What a person or the machine wants of this training."""

from __future__ import annotations

import contextlib
import signal
from enum import StrEnum
from pathlib import Path
from types import FrameType

from workers.training.errors import Terminated


class Want(StrEnum):
    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"
    # Asked for by SIGTERM, never by the file.
    TERMINATE = "terminate"


class WantFile:
    """The file that the supervisor writes; looking costs one `stat` while it does not change.

    What cannot be read as a wish leaves the last one standing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._want = Want.RUN

    def read(self) -> Want:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return Want.RUN
        # A replaced file is another inode even within one tick of the clock.
        seen = (now.st_mtime_ns, now.st_ino)
        if seen != self._seen:
            self._seen = seen
            with contextlib.suppress(ValueError):
                self._want = Want(self._path.read_text().strip())
        return self._want


class Termination:
    """SIGTERM: ends a start at once; while training it waits for the step's edge."""

    def __init__(self) -> None:
        self.asked = False
        self._at_edge = False
        signal.signal(signal.SIGTERM, self._handle)

    def wait_for_edge(self) -> None:
        self._at_edge = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if not self._at_edge:
            raise Terminated("The machine ended the process before the first step.")
