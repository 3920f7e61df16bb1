"""`make up`: everything, under one parent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ops import servers
from ops.config import ROOT, Config
from ops.console import Console
from ops.data_folder import DataFolder
from ops.errors import Refused
from ops.keeper import Keeper
from ops.listening import listen
from ops.postgres import Postgres
from ops.process import spawn
from ops.sockets import remove_socket_dir, socket_dir
from ops.valkey import Valkey


def main(arguments: Sequence[str]) -> int:
    config = Config.from_environment()
    folder = DataFolder(config.data)
    listening = listen(config.host, config.port)
    folder.provide_secret_key()
    hub = Hub(config, folder, listening)
    try:
        hub.start()
        hub.serve()
    finally:
        hub.stop()
    return 0


class Hub:
    def __init__(self, config: Config, folder: DataFolder, listening: socket.socket) -> None:
        self.config, self.folder, self.listening = config, folder, listening
        self.console = Console()
        self.keeper = Keeper(self.console)
        self.environment: dict[str, str] = {}
        self.is_prepared = False
        self.web_answers = False

    # Starting

    def start(self) -> None:
        self.console.say(f"llmhub starts; its data are in {self.config.data}")
        database_url = self.config.database_url or self._start_postgres()
        redis_url = self.config.redis_url or self._start_valkey()
        servers.check_database(database_url)
        servers.check_broker(redis_url)
        port = self.listening.getsockname()[1]
        self.environment = self.config.environment(port, database_url, redis_url)
        self.folder.publish_servers(database_url, redis_url)

    def _start_postgres(self) -> str:
        sockets = socket_dir(self.config.data)
        log = self.folder.logs / "postgres.log"
        postgres = Postgres(self.config.data / "postgres", sockets, log)
        self._keep_server(postgres)
        postgres.create_database()
        return postgres.url

    def _start_valkey(self) -> str:
        sockets = socket_dir(self.config.data)
        valkey = Valkey(self.config.data / "valkey", sockets, self.folder.logs / "valkey.log")
        self._keep_server(valkey)
        return valkey.url

    def _keep_server(self, server: servers.Server) -> None:
        running = servers.start(server)
        self.keeper.keep(server.name, server.start, running=running, stop_signal=server.stop_signal)

    # Serving

    def serve(self) -> None:
        if self.keeper.interrupts:
            return
        addresses = self._prepare()
        if not addresses:
            return
        self.is_prepared = True
        self._start_web()
        self.keeper.keep("worker", self._worker)
        self.keeper.keep("housekeeping", self._housekeeping)
        if not self.keeper.interrupts:
            self._welcome(addresses)
        self.keeper.watch(lambda: self.keeper.interrupts > 0)

    def _prepare(self) -> dict[str, str]:
        """Migrates, seeds and builds what has changed; returns the addresses to show."""
        answers: list[str] = []

        def hear(line: str) -> None:
            if line.startswith("{"):
                answers.append(line)
            else:
                self.console.line("prepare", line)

        log = self.folder.logs / "prepare.log"
        with log.open("wb") as errors:
            failed = self.keeper.run(
                lambda: self._python("manage.py", "prepare", stderr=errors), hear
            )
        if self.keeper.interrupts:
            return {}
        if failed or not answers:
            raise Refused(_reason(log))
        return dict(json.loads(answers[-1]))

    def _start_web(self) -> None:
        """Returns when it answers."""
        self.keeper.keep("web", self._web)
        self.keeper.watch(lambda: self.web_answers or self.keeper.interrupts > 0)

    def _web(self) -> subprocess.Popen[bytes]:
        """The process says that it is ready by writing one byte."""
        ready, told = os.pipe()
        passed = (self.listening.fileno(), told)
        process = self._python("-m", "ops.web", *map(str, passed), pass_fds=passed)
        os.close(told)
        signpost = os.fdopen(ready, "rb", buffering=0)

        def heard() -> None:
            self.web_answers = bool(signpost.read(1)) or self.web_answers
            self.keeper.silence(signpost)

        self.keeper.listen(signpost, heard)
        return process

    def _worker(self) -> subprocess.Popen[bytes]:
        queues = f"runs,node.{self.config.node}"
        options = ["--queues", queues, "--hostname", f"hub@{self.config.node}", "--concurrency=2"]
        # Threads: a task only starts processes, and a fork would copy the agent's connections.
        options += ["--pool=threads", "--include", "workers.tasks"]
        options += ["--without-gossip", "--without-mingle"]
        # Celery warns root because of pickle, which no message here may use.
        calm = ["-W", "ignore:You're running the worker with superuser privileges"]
        return self._python(
            *calm, "-m", "celery", "--quiet", "--app=llmhub.celery", "worker", *options
        )

    def _housekeeping(self) -> subprocess.Popen[bytes]:
        return self._python("manage.py", "housekeeping")

    def _python(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options
        return spawn([sys.executable, *arguments], cwd=ROOT, env=self.environment, **options)

    def _welcome(self, addresses: dict[str, str]) -> None:
        self.console.say("")
        self.console.say(f"  llmhub is ready: {addresses['url']}")
        if addresses["sign_in"]:
            self.console.say(f"  Sign in, once:   {addresses['sign_in']}")
        self.console.say("  Ctrl-C stops it; running trainings pause and go on at the next start.")
        self.console.say("")

    # Stopping

    def stop(self) -> None:
        if self.is_prepared:
            self.console.say("llmhub stops; trainings write a checkpoint (Ctrl-C: do not wait)")
            self.keeper.run(
                lambda: self._python("manage.py", "pause_runs"),
                lambda line: self.console.line("pause", line),
            )
        self.keeper.stop_all()
        self.folder.withdraw_servers()
        remove_socket_dir(self.config.data)
        if self.is_prepared:
            self.console.say("llmhub has stopped")


def _reason(log: Path) -> str:
    """The last line of a failed command, bare where it was written to be read."""
    lines = log.read_text(errors="replace").strip().splitlines()
    last = lines[-1] if lines else f"The hub could not be prepared: see {log}."
    for name in ("CommandError: ", "django.core.exceptions.ImproperlyConfigured: "):
        if last.startswith(name):
            return last.removeprefix(name)
    return f"The hub could not be prepared: {last} (more in {log})"
