"""The files of one attempt on a worker's disk: who writes what, said once for all who read it.

HUB_DATA/runs/<run>/checkpoints/step-<n>/     written by the trainer, kept across attempts
HUB_DATA/runs/<run>/attempts/<number>/        one attempt, an `AttemptDir`
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class AttemptDir:
    path: Path

    @classmethod
    def of(cls, hub_data: Path, run_id: int, attempt_number: int) -> AttemptDir:
        return cls(hub_data / "runs" / str(run_id) / "attempts" / str(attempt_number))

    # Written by the task that claimed the attempt, before the supervisor starts.
    @property
    def job(self) -> Path:
        return self.path / "job.json"

    @property
    def secret(self) -> Path:
        """The attempt's token; mode 0600."""
        return self.path / "token"

    # Written by the supervisor.
    @property
    def lock(self) -> Path:
        """Held with flock while a supervisor lives: a free lock means an orphan to adopt."""
        return self.path / "lock"

    @property
    def want(self) -> Path:
        """`run`, `pause` or `stop`; the trainer looks at every step edge."""
        return self.path / "want"

    @property
    def trainer(self) -> Path:
        """{"pid", "start_time", "boot_id"} of the trainer, which name one process for ever."""
        return self.path / "trainer.json"

    @property
    def log(self) -> Path:
        """Standard output and error of the trainer: a file, never a pipe."""
        return self.path / "trainer.log"

    @property
    def supervisor_log(self) -> Path:
        return self.path / "supervisor.log"

    @property
    def finished(self) -> Path:
        """Exists once the hub has acknowledged the end of the attempt."""
        return self.path / "finished"

    # Written by the trainer.
    @property
    def journal(self) -> Path:
        return self.path / "journal"

    @property
    def progress(self) -> Path:
        """{"step", "total_steps", "tokens", "seconds"}, rewritten at most every half second."""
        return self.path / "progress.json"

    @property
    def busy(self) -> Path:
        """Exists while the trainer evaluates or saves, which may take longer than many steps."""
        return self.path / "busy"

    @property
    def samples(self) -> Path:
        """A line of JSON for each text that the model wrote: {"step", "index", "prompt", "text",
        "decoding"}."""
        return self.path / "samples.jsonl"

    @property
    def result(self) -> Path:
        """{"outcome", "cause", "message", "step", "used"}: how the trainer says that it ended."""
        return self.path / "result.json"

    @property
    def checkpoints(self) -> Path:
        return self.path.parent.parent / "checkpoints"

    @property
    def pinned(self) -> Path:
        """A list of steps whose checkpoints stay, written by the supervisor."""
        return self.path.parent.parent / "pinned.json"


def write_json(path: Path, value: Any, mode: int = 0o644) -> None:
    write_text(path, json.dumps(value), mode)


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Replaces a file in one step, so that a reader sees the old text or the new one."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
