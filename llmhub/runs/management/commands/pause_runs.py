"""Before the hub goes down: runs write a checkpoint and pause, to go on at the next start."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from llmhub.runs.pausing import pause_all


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--wait", type=float, default=60, help="Seconds to wait for the checkpoints."
        )

    def handle(self, *args: Any, wait: float, **options: Any) -> None:
        writing = pause_all()
        deadline = time.monotonic() + wait
        said = 0
        while (left := writing.count()) and time.monotonic() < deadline:
            if left != said:
                self.stdout.write(f"Waiting for {runs(left)} to write a checkpoint ...")
                said = left
            time.sleep(0.3)
        if left:
            self.stdout.write(f"{runs(left)} did not pause in time and will be found again.")
        elif said:
            self.stdout.write("All runs are paused.")


def runs(count: int) -> str:
    return f"{count} run" if count == 1 else f"{count} runs"
