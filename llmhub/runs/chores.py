"""Work that a long-lived process does again and again, whatever happens to the database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import close_old_connections

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25


@dataclass
class Chore:
    work: Callable[[], object]
    every: float
    due: float = 0.0

    def tend(self) -> None:
        """Does the work when it is time; what fails (the database is away) waits for the next."""
        if time.monotonic() < self.due:
            return
        try:
            self.work()
        except Exception:
            logger.warning("Will try again in %s s", self.every, exc_info=True)
        finally:
            close_old_connections()
            self.due = time.monotonic() + self.every


def tend_until(over: threading.Event, chores: list[Chore]) -> None:
    while not over.wait(TICK_SECONDS):
        for chore in chores:
            chore.tend()
