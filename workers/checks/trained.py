"""A training of the drill: `python -m workers.checks.trained <attempt dir>`.

The same trainer as in every run, without a hub. Where `want` names a step it stands still there,
before that step is over for anybody else, until it is killed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from llmhub.lib.rundir import AttemptDir
from workers.training import setup
from workers.training.job import Job
from workers.training.progress import Progress
from workers.training.reporter import Silent
from workers.training.want import Want

STOOD = "stands"


class Standing(Silent):
    """Waits at a step for its end."""

    def __init__(self, attempt: AttemptDir, progress: Progress) -> None:
        self._attempt, self._progress = attempt, progress
        self._at = int(attempt.want.read_text()) if attempt.want.exists() else None

    def want(self) -> Want:
        if self._progress.step == self._at:
            (self._attempt.path / STOOD).touch()
            while True:
                time.sleep(60)
        return Want.RUN

    def say(self, text: str) -> None:
        print(text, flush=True)  # noqa: T201 - stdout is the log


def main(folder: Path) -> int:
    attempt = AttemptDir(folder)
    progress = Progress()
    job = Job.read(attempt)
    reporter = Standing(attempt, progress)
    setup.trainer(job, folder / "checkpoints", progress, reporter).train()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
