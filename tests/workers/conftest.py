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
from tests.factories import SMOKE_SPEC, make_project, make_run
from tests.waiting import until
from tests.workers.gate import Gate
from workers import environment, launcher
from workers.process import ROOT, Identity
from workers.trainer import kill_rest

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
        """Once it and all its processes are at work."""
        found = until(lambda: Identity.read(self.place.trainer))
        until(lambda: len(self.starts()) >= self.run.processes)
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
        kill_rest(self.place, TRAINER)


@pytest.fixture
def gate(live_server):
    gate = Gate(live_server.url)
    yield gate
    gate.close()


@pytest.fixture
def case(gate, settings, tmp_path: Path):
    yield from taken(gate, settings, tmp_path, processes=1)


@pytest.fixture
def pair(gate, settings, tmp_path: Path):
    """A case of two processes."""
    yield from taken(gate, settings, tmp_path, processes=2)


def taken(gate, settings, tmp_path: Path, processes: int):
    settings.HUB_URL, settings.HUB_DATA = gate.url, tmp_path
    worker = Worker.objects.create(name="node-1", slots=1)
    training = SMOKE_SPEC["training"] | {"micro_batch_size": 4}
    spec = SMOKE_SPEC | {"training": training, "runtime": {"processes": processes}}
    make_run(make_project(), spec=spec)
    attempt, secret = claim(worker)
    case = Case(attempt.run, attempt, launcher.prepare(attempt, secret))
    yield case
    case.end_all()


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
