"""When a supervisor does what, and when it tries again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from llmhub.client.sender import Unreachable

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0


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


class Patience:
    """Leaves a hub alone that did not answer: longer with each failure, so that it can get up."""

    def __init__(self) -> None:
        self._failures = 0
        self._not_before = 0.0

    def attempt(self, call: Callable[[], None]) -> bool:
        """True when the call went through."""
        if time.monotonic() < self._not_before:
            return False
        try:
            call()
        except Unreachable as error:
            self._wait(error)
            return False
        self._failures = 0
        return True

    def _wait(self, error: Unreachable) -> None:
        if self._failures == 0:
            logger.warning("The hub is out of reach; trying again: %s", error)
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._failures, 10))
        # Spread, so that all supervisors do not come back at the same moment.
        self._not_before = time.monotonic() + max(error.wait, longest * random.uniform(0.5, 1))  # noqa: S311
        self._failures += 1
