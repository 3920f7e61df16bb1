"""The trainer's process as its supervisor sees it, and how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llmhub.lib.rundir import AttemptDir
from workers.process import Identity, find, find_all, start_apart

MODULE = "workers.training.run"
# Starts several processes of one training and ends when all of them have.
TORCHRUN = "workers.training.torchrun"
OUTCOMES = frozenset({"succeeded", "stopped", "paused", "failed", "killed"})
CRASHED = "crashed"
TAIL_BYTES = 4_000
MESSAGE_CHARACTERS = 10_000


@dataclass(frozen=True)
class Ending:
    """What the hub is told at the end; the fields are those of its machine API."""

    outcome: str
    cause: str = ""
    message: str = ""
    step: int | None = None
    exit_code: int | None = None
    # {"seconds", "tokens", "peak_bytes"} of the trainer, where it could tell.
    used: dict[str, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"message": sound(self.message)[-MESSAGE_CHARACTERS:]}


class Trainer:
    def __init__(self, identity: Identity, child: subprocess.Popen[bytes] | None = None) -> None:
        self.identity = identity
        # Only whoever started it learns the exit code.
        self._child = child

    @classmethod
    def start(
        cls, place: AttemptDir, module: str, settings: Mapping[str, str], processes: int = 1
    ) -> Trainer:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **settings}
        child = start_apart(command(place, module, processes), environment, place.log)
        identity = Identity.of(child.pid)
        assert identity is not None, "a child that was not waited for has an entry in /proc"
        identity.write(place.trainer)
        return cls(identity, child)

    @classmethod
    def adopt(cls, place: AttemptDir, module: str, processes: int = 1) -> Trainer | None:
        """The trainer that an earlier supervisor started, dead or alive; None if there was none.

        That supervisor may have died before it could write down whom it started: then the
        command line tells.
        """
        identity = Identity.read(place.trainer)
        if identity is None and (identity := find(command(place, module, processes)[1:])):
            identity.write(place.trainer)
        return None if identity is None else cls(identity)

    def is_alive(self) -> bool:
        return self.identity.is_alive()

    def exit_code(self) -> int | None:
        """Of a trainer that has ended; negative is the signal that killed it."""
        # What it started (data loaders) may still hold the GPU.
        self.identity.kill_session()
        return None if self._child is None else self._child.wait()


def command(place: AttemptDir, module: str, processes: int = 1) -> list[str]:
    """Several processes have torchrun for a parent: the hub starts a run again, and not it."""
    if processes == 1:
        return [sys.executable, *work(place, module)]
    elastic = ("--standalone", "--nproc-per-node", str(processes), "--max-restarts", "0")
    return [sys.executable, "-m", TORCHRUN, *elastic, *work(place, module)]


def work(place: AttemptDir, module: str) -> list[str]:
    """How the command line of every process of a training ends."""
    return ["-m", module, str(place.path)]


def kill_rest(place: AttemptDir, module: str) -> None:
    """Ends what outlived the trainer: torchrun gives each of its processes a session of its own,
    and none of them notices when it dies."""
    for left in find_all(work(place, module)):
        left.kill_session()


def ending_of(place: AttemptDir, exit_code: int | None) -> Ending:
    """The trainer's own word, else what its end gives away."""
    said = read_object(place.result)
    if said.get("outcome") in OUTCOMES and not is_echo(said, exit_code):
        step = said.get("step")
        return Ending(
            said["outcome"],
            str(said.get("cause") or ""),
            str(said.get("message") or ""),
            step if isinstance(step, int) else current_step(place),
            exit_code,
            said.get("used"),
        )
    outcome, cause, message = told_by_exit(place, exit_code)
    return Ending(outcome, cause, message, current_step(place), exit_code)


def is_echo(said: Mapping[str, Any], exit_code: int | None) -> bool:
    """Whether a process only tells that it has lost another one, which was killed."""
    is_crash = said.get("cause") == CRASHED
    return is_crash and exit_code is not None and killing_signal(exit_code) is not None


def told_by_exit(place: AttemptDir, exit_code: int | None) -> tuple[str, str, str]:
    if exit_code is None:
        return "killed", "killed", "It ended while nobody was watching."
    number = killing_signal(exit_code)
    if number is not None:
        return "killed", "killed", f"It was killed by signal {number} ({signal_name(number)})."
    return "failed", CRASHED, f"Exit code {exit_code}.\n{tail(place)}"


def killing_signal(exit_code: int) -> int | None:
    """Launchers such as shells and our torchrun turn a child's death by signal n into 128 + n."""
    if exit_code < 0:
        return -exit_code
    return exit_code - 128 if exit_code - 128 in signal.valid_signals() else None


def signal_name(number: int) -> str:
    return signal.Signals(number).name if number in signal.valid_signals() else "unknown"


def current_step(place: AttemptDir) -> int | None:
    step = read_object(place.progress).get("step")
    return step if isinstance(step, int) else None


def read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def tail(place: AttemptDir) -> str:
    try:
        with place.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def sound(text: str) -> str:
    """Text that JSON, UTF-8 and PostgreSQL all take."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()
