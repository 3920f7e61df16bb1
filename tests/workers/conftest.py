"""A real supervisor and a scripted trainer, as processes, against a hub that can be cut off."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from llmhub.lib.rundir import AttemptDir
from llmhub.runs.claim import claim
from llmhub.runs.models import Attempt, Run, Worker
from tests.factories import make_project, make_run
from tests.waiting import until
from tests.workers.gate import Gate
from workers import environment, launcher
from workers.process import ROOT, Identity

TRAINER = "tests.workers.scripted_trainer"


@dataclass
class Case:
    """One attempt at one run, on this machine."""

    run: Run
    attempt: Attempt
    place: AttemptDir
    supervisors: list[subprocess.Popen] = field(default_factory=list)

    def script(self, *lines: str) -> None:
        (self.place.path / "script").write_text("\n".join(lines))

    def supervise(self) -> subprocess.Popen:
        with self.place.supervisor_log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "workers.supervisor", self.place.path, "--trainer", TRAINER],
                cwd=ROOT,
                env=environment.clean(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.supervisors.append(process)
        return process

    def finish(self) -> None:
        """Supervises until the hub has heard the end."""
        assert self.supervise().wait(timeout=60) == 0, self.place.supervisor_log.read_text()
        self.run.refresh_from_db()
        self.attempt.refresh_from_db()

    def allow(self, name: str) -> None:
        (self.place.path / name).touch()

    def has(self, **fields: object) -> bool:
        self.run.refresh_from_db()
        return all(getattr(self.run, name) == value for name, value in fields.items())

    def await_run(self, **fields: object) -> None:
        until(lambda: self.has(**fields))

    def trainer(self) -> Identity:
        found = until(lambda: Identity.read(self.place.trainer))
        until(self.starts)
        return found

    def starts(self) -> list[str]:
        started = self.place.path / "started"
        return started.read_text().split() if started.exists() else []

    def end_all(self) -> None:
        for process in self.supervisors:
            process.kill()
            process.wait()
        trainer = Identity.read(self.place.trainer)
        if trainer:
            trainer.kill_session()


@pytest.fixture
def gate(live_server):
    gate = Gate(live_server.url)
    yield gate
    gate.close()


@pytest.fixture
def case(gate, settings, tmp_path: Path):
    settings.HUB_URL, settings.HUB_DATA = gate.url, tmp_path
    worker = Worker.objects.create(name="node-1", slots=1)
    make_run(make_project())
    attempt, secret = claim(worker)
    case = Case(attempt.run, attempt, launcher.prepare(attempt, secret))
    yield case
    case.end_all()


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
