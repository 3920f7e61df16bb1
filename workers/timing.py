"""When a supervisor does what, and when it tries again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from llmhub.client.sender import Unreachable

logger = logging.getLogger(__name__)


class Every:
    """True once in so many seconds, and the first time at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + self._seconds
        return True


class BackOff:
    """Waits after a failure before it tries again, twice as long with each failure in a row."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._not_before = 0.0
        self.failures = 0

    def is_waiting(self) -> bool:
        return time.monotonic() < self._not_before

    def failed(self, at_least: float = 0.0) -> None:
        wait = min(self._longest, self._first * 2.0 ** min(self.failures, 10))
        # Spread, so that all that wait do not come back at the same moment.
        self._not_before = time.monotonic() + max(at_least, wait * random.uniform(0.5, 1))  # noqa: S311
        self.failures += 1

    def succeeded(self) -> None:
        self.failures = 0


class Patience:
    """Leaves a hub alone that did not answer, so that it can get up."""

    def __init__(self) -> None:
        self._back_off = BackOff(first=0.5, longest=10.0)

    def attempt(self, call: Callable[[], None]) -> bool:
        """True when the call went through."""
        if self._back_off.is_waiting():
            return False
        try:
            call()
        except Unreachable as error:
            if self._back_off.failures == 0:
                logger.warning("The hub is out of reach; trying again: %s", error)
            self._back_off.failed(at_least=error.wait)
            return False
        self._back_off.succeeded()
        return True
