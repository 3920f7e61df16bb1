"""Where a training tells how it goes, and hears what is wanted of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from llmhub.client import Client
from llmhub.lib.rundir import AttemptDir, write_json
from workers.training.progress import Progress
from workers.training.want import Termination, Want, WantFile

LINE_SECONDS = 1.5
PROGRESS_SECONDS = 0.5


class Reporter(Protocol):
    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def say(self, text: str) -> None: ...

    def advance(self, progress: Progress, total_steps: int, loss: float, rate: float) -> None:
        """After every step; `rate` in tokens/s."""
        ...

    def want(self) -> Want: ...


class NullReporter:
    """Hears nothing and tells nobody."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def advance(self, progress: Progress, total_steps: int, loss: float, rate: float) -> None:
        pass

    def want(self) -> Want:
        return Want.RUN


class HubReporter:
    """Numbers to the hub, progress to a file for the supervisor, lines to the log."""

    def __init__(self, attempt: AttemptDir, client: Client, termination: Termination) -> None:
        self._progress_file = attempt.progress
        self._client = client
        self._want = WantFile(attempt.want)
        self._termination = termination
        self._next_line = self._next_progress = 0.0

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._client.log(step, values)

    def say(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)

    def advance(self, progress: Progress, total_steps: int, loss: float, rate: float) -> None:
        now = time.monotonic()
        last = progress.step == total_steps
        if last or now >= self._next_progress:
            self._next_progress = now + PROGRESS_SECONDS
            write_json(self._progress_file, progress.as_dict())
        if last or now >= self._next_line:
            self._next_line = now + LINE_SECONDS
            self.say(_line(progress, total_steps, loss, rate))

    def want(self) -> Want:
        return Want.TERMINATE if self._termination.asked else self._want.read()


def _line(progress: Progress, total_steps: int, loss: float, rate: float) -> str:
    left = (total_steps - progress.step) * progress.seconds / progress.step
    return (
        f"step {progress.step:,}/{total_steps:,}  loss {loss:.4f}  "
        f"{rate:,.0f} tokens/s  {duration(left)} left"
    )


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
