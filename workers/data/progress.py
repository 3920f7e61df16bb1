"""How far a job is, in a file that its watcher reads."""

from __future__ import annotations

import time
from pathlib import Path

from llmhub.lib.rundir import write_json

EVERY_SECONDS = 0.5


class Progress:
    """Called as often as one likes; writes at most twice a second, and each new phase at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._phase = ""
        self._written = 0.0

    def __call__(self, phase: str, done: float, total: float) -> None:
        now = time.monotonic()
        if phase == self._phase and now - self._written < EVERY_SECONDS:
            return
        self._phase, self._written = phase, now
        share = min(1.0, done / total) if total else 0.0
        write_json(self._path, {"phase": phase, "share": share})
