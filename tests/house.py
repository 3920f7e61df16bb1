"""The hub's processes around one test's database: web, Celery, housekeeping, real trainers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection

from llmhub.lib.rundir import AttemptDir
from llmhub.runs.models import Attempt, Run
from ops import servers
from ops.sockets import remove_socket_dir, socket_dir
from ops.valkey import Valkey
from tests.factories import SMOKE_SPEC, make_project, make_run
from tests.waiting import until
from workers import process
from workers.process import Identity

NODE = "node-1"
PROCESSES = ("valkey", "web", "celery", "housekeeping")


class House:
    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        # Datasets are registered by the test's own process.
        (self.data / "files").symlink_to(settings.HUB_DATA / "files")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.valkey = Valkey(folder / "valkey", socket_dir(folder), folder / "valkey.log")
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    # Processes

    def start(self, *names: str) -> None:
        for name in names or PROCESSES:
            starter: Callable[[], subprocess.Popen[bytes]] = getattr(self, f"_{name}")
            self._running[name] = starter()
        if "web" in self._running:
            until(self._web_answers)

    def kill(self, *names: str) -> None:
        """As the kernel does when memory runs out."""
        for name in names or PROCESSES:
            running = self._running.pop(name, None)
            if running:
                running.kill()
                running.wait()

    def command(self, name: str) -> str:
        """Runs a management command to its end; returns what it said."""
        return subprocess.run(
            [sys.executable, "manage.py", name],
            cwd=process.ROOT,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def ask_to_end(self, name: str) -> int:
        running = self._running.pop(name)
        running.send_signal(signal.SIGTERM)
        return running.wait(timeout=60)

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def close(self) -> None:
        self.kill()
        for place in self.attempts():
            for orphan in (Identity.read(place.trainer), supervisor_of(place)):
                if orphan:
                    orphan.kill_session()
        remove_socket_dir(self._folder)
        shutil.rmtree(self.data, ignore_errors=True)

    def _valkey(self) -> subprocess.Popen[bytes]:
        return servers.start(self.valkey)

    def _web(self) -> subprocess.Popen[bytes]:
        return self._python("uvicorn", "llmhub.asgi:application", "--port", str(self.port))

    def _celery(self) -> subprocess.Popen[bytes]:
        options = ["-I", "workers.tasks", "-Q", f"runs,node.{NODE}", "-n", f"hub@{NODE}"]
        options += ["--pool=threads", "-c2", "--without-gossip", "--without-mingle"]
        return self._python("celery", "-A", "llmhub.celery", "worker", *options)

    def _housekeeping(self) -> subprocess.Popen[bytes]:
        return self._python("django", "housekeeping")

    def _python(self, *module: str) -> subprocess.Popen[bytes]:
        with self.log(module[0]).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=process.ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        return os.environ | {
            "DATABASE_URL": database_url(),
            "REDIS_URL": self.valkey.url,
            "SECRET_KEY": "only for tests",
            "HUB_DATA": str(self.data),
            "HUB_PORT": str(self.port),
            "HUB_URL": self.url,
            "HUB_NODE": NODE,
            "HUB_SLOTS": "1",
            "DJANGO_SETTINGS_MODULE": "llmhub.settings",
        }

    def _web_answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    # Runs

    def attempts(self) -> list[AttemptDir]:
        return [AttemptDir(path.parent) for path in self.data.glob("runs/*/attempts/*/job.json")]

    def place(self, run: Run, number: int = 1) -> AttemptDir:
        return AttemptDir.of(self.data, run.pk, number)

    def trainer(self, run: Run, number: int = 1) -> Identity:
        place = self.place(run, number)
        return until(lambda: Identity.read(place.trainer))

    def supervisor(self, run: Run, number: int = 1) -> Identity:
        place = self.place(run, number)
        return until(lambda: supervisor_of(place))


def make_long_run() -> Run:
    """A run that only ends when somebody ends it, with a checkpoint every few steps."""
    training = SMOKE_SPEC["training"] | {"max_steps": 1_000_000, "warmup_steps": 0}
    runtime = {"checkpoint_every": 20, "eval_every": 20, "eval_sequences": 8, "keep_checkpoints": 2}
    spec = SMOKE_SPEC | {"training": training, "runtime": runtime}
    return make_run(make_project(), spec=spec)


def supervisor_of(place: AttemptDir) -> Identity | None:
    return process.find(["-m", "workers.supervisor", str(place.path)])


def is_at_step(run: Run, step: int) -> bool:
    run.refresh_from_db()
    return run.step >= step


def await_step(run: Run, step: int = 1) -> None:
    until(lambda: is_at_step(run, step))


def await_state(run: Run, state: str) -> None:
    until(lambda: Run.objects.filter(pk=run.pk, state=state).exists())


def await_attempt(run: Run, number: int) -> Attempt:
    return until(lambda: run.attempts.filter(number=number, started_at__isnull=False).first())


def await_checkpoint(run: Run) -> int:
    return until(lambda: run.checkpoints.values_list("step", flat=True).first())


def database_url() -> str:
    """Of the database that the tests use, which is not the one that the environment names."""
    values = connection.settings_dict
    parameters = urlencode({"host": values["HOST"] or values["OPTIONS"].get("host", "")})
    return f"postgresql://{values['USER']}@/{values['NAME']}?{parameters}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
