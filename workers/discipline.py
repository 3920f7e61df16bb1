"""Ends a trainer that should have ended by itself: asked first, then killed."""

from __future__ import annotations

import logging
import time

from llmhub.lib.rundir import AttemptDir
from workers.trainer import Trainer, read_object

logger = logging.getLogger(__name__)

# A trainer obeys at its next step; the time that a checkpoint takes does not count.
OBEY_WITHIN = 120.0
OBEY_STEPS = 10
# Longer than any evaluation or checkpoint takes: by then it hangs.
BUSY_WITHIN = 3600.0
# One that has said how it ended sends its last numbers and goes.
LEAVE_WITHIN = 120.0
END_WITHIN = 20.0


class Discipline:
    def __init__(self, place: AttemptDir) -> None:
        self._place = place
        self._due_since: float | None = None
        self._asked = False

    def enforce(self, trainer: Trainer, want: str) -> None:
        limit = self._limit(want)
        if limit is None:
            self._due_since = None
            self._asked = False
            return
        self._due_since = self._due_since or time.monotonic()
        late = time.monotonic() - self._due_since - limit
        if late > END_WITHIN:
            logger.error("The trainer does not end; it is killed.")
            trainer.identity.kill_session()
        elif late > 0 and not self._asked:
            logger.warning("The trainer should have ended %.0f s ago; asking it again.", limit)
            trainer.identity.terminate()
            self._asked = True

    def _limit(self, want: str) -> float | None:
        """Seconds within which the trainer must end; None while it has work to do."""
        if self._place.result.exists():
            return LEAVE_WITHIN
        if want == "run" or self._is_busy():
            return None
        return max(OBEY_WITHIN, OBEY_STEPS * self._seconds_per_step())

    def _is_busy(self) -> bool:
        try:
            since = self._place.busy.stat().st_mtime
        except OSError:
            return False
        return time.time() - since < BUSY_WITHIN

    def _seconds_per_step(self) -> float:
        progress = read_object(self._place.progress)
        try:
            return float(progress["seconds"]) / float(progress["step"])
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return 0.0
