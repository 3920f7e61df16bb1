"""Who computes: one answer at a time, by turns, a token each."""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """A lock whose holder lets the others go first after every token. First come, first served."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[int] = deque()

    def take(self) -> None:
        with self._changed:
            self._line.append(threading.get_ident())
            self._wait()

    def give(self) -> None:
        with self._changed:
            self._line.popleft()
            self._changed.notify_all()

    def others_wait(self) -> bool:
        return len(self._line) > 1

    def is_mine(self) -> bool:
        return bool(self._line) and self._line[0] == threading.get_ident()

    def pass_on(self) -> None:
        """To the end of the line; comes back when everybody who waited had a turn."""
        with self._changed:
            self._line.rotate(-1)
            self._changed.notify_all()
            self._wait()

    def _wait(self) -> None:
        self._changed.wait_for(self.is_mine)
