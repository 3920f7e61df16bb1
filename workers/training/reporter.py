"""Where a training tells how it goes, and hears what is wanted of it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
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

    def busy(self) -> AbstractContextManager[None]:
        """While something is at work that may take longer than many steps."""
        ...

    def want(self) -> Want: ...

    def sample(self, step: int, samples: Sequence[Mapping[str, object]]) -> None:
        """What the model writes at this step: “index”, “prompt”, “text” and “decoding” of each."""
        ...


class Silent:
    """For all processes but the first: it reports for them."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def advance(self, progress: Progress, total_steps: int, loss: float, rate: float) -> None:
        pass

    @contextmanager
    def busy(self) -> Iterator[None]:
        yield

    def want(self) -> Want:
        return Want.RUN

    def sample(self, step: int, samples: Sequence[Mapping[str, object]]) -> None:
        pass


class HubReporter:
    """Numbers to the hub, progress to a file for the supervisor, lines to the log.

    Lines and progress are for the eye: a disk that does not take them does not end the training.
    """

    def __init__(self, attempt: AttemptDir, client: Client, termination: Termination) -> None:
        self._attempt = attempt
        self._client = client
        self._want = WantFile(attempt.want)
        self._termination = termination
        self._next_line = self._next_progress = 0.0
        self._has_complained = False

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._client.log(step, values)

    def say(self, text: str) -> None:
        self._try(lambda: print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True))

    def advance(self, progress: Progress, total_steps: int, loss: float, rate: float) -> None:
        now = time.monotonic()
        last = progress.step == total_steps
        if last or now >= self._next_progress:
            self._next_progress = now + PROGRESS_SECONDS
            said = progress.as_dict() | {"total_steps": total_steps}
            self._try(lambda: write_json(self._attempt.progress, said))
        if last or now >= self._next_line:
            self._next_line = now + LINE_SECONDS
            self.say(_line(progress, total_steps, loss, rate))

    def sample(self, step: int, samples: Sequence[Mapping[str, object]]) -> None:
        lines = "".join(json.dumps({"step": step, **sample}) + "\n" for sample in samples)

        def append() -> None:
            with self._attempt.samples.open("a") as file:
                file.write(lines)

        self._try(append)

    @contextmanager
    def busy(self) -> Iterator[None]:
        self._try(self._attempt.busy.touch)
        try:
            yield
        finally:
            self._try(lambda: self._attempt.busy.unlink(missing_ok=True))

    def _try(self, write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._has_complained:
            self._has_complained = True
            with suppress(OSError):
                print(f"Progress cannot be written: {error}", file=sys.stderr, flush=True)

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
