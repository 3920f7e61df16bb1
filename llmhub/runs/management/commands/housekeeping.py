"""The periodic work of the hub: relays dispatches, watches leases, reminds of queued runs.

Any number of these may run; each piece of work is guarded in the database.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from llmhub.runs import claim, outbox, reaper
from llmhub.runs.listening import Ears

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.25


@dataclass
class Chore:
    work: Callable[[], object]
    every: float
    due: float = 0.0

    def tend(self) -> None:
        """Does the work when it is time; a failure (the database is away) waits for the next."""
        if time.monotonic() < self.due:
            return
        try:
            self.work()
        except Exception:
            logger.warning("Will try again", exc_info=True)
        finally:
            close_old_connections()
            self.due = time.monotonic() + self.every


def chores() -> list[Chore]:
    ears = Ears()
    return [
        Chore(outbox.relay, every=1),
        Chore(lambda: reaper.reap(ears.heard_for()), every=3),
        Chore(claim.remind, every=5),
        Chore(outbox.tidy, every=600),
    ]


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: over.set())
        work = chores()
        while not over.wait(TICK_SECONDS):
            for chore in work:
                chore.tend()
