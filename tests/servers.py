"""One PostgreSQL and one Valkey for a test session, shared by the processes of xdist."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.conf import settings

from ops import servers
from ops.postgres import Postgres
from ops.process import stop
from ops.sockets import remove_socket_dir, socket_dir
from ops.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
SESSION = "LLMHUB_TEST_SESSION"  # the session's folder; unset where the servers are others'
IN_WORKER = "PYTEST_XDIST_WORKER" in os.environ
TEMPLATE = "llmhub_template"

_running: list[tuple[servers.Server, subprocess.Popen[bytes]]] = []


def enter_session() -> None:
    """Sets Django up in this process, with servers that the session's first process has started."""
    if not IN_WORKER:
        _start_servers()
    if are_ours():
        own = Path(os.environ[SESSION]) / os.environ.get("PYTEST_XDIST_WORKER", "main")
        (own / "static").mkdir(parents=True)
        os.environ["HUB_DATA"] = str(own)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "llmhub.settings")
    django.setup()
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        # Workers have databases of their own, and share this: else run 1 of one is run 1 of all.
        settings.CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = worker


def _start_servers() -> None:
    """Unless the environment names some already."""
    os.environ.setdefault("SECRET_KEY", "only for tests")
    if "DATABASE_URL" in os.environ and "REDIS_URL" in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="llmhub-test-"))
    os.environ[SESSION] = str(folder)
    postgres = _postgres(folder)
    valkey = Valkey(folder / "valkey", socket_dir(folder), folder / "valkey.log")
    _running.extend((server, servers.start(server)) for server in (postgres, valkey))
    postgres.create_database()
    os.environ |= {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url}


def _postgres(folder: Path) -> Postgres:
    return Postgres(folder / "postgres", socket_dir(folder), folder / "postgres.log", fsync=False)


def are_ours() -> bool:
    return SESSION in os.environ


def leave_session() -> None:
    while _running:
        server, process = _running.pop()
        stop(process, server.stop_signal, patience=10)
    if are_ours() and not IN_WORKER:
        folder = Path(os.environ[SESSION])
        remove_socket_dir(folder)
        shutil.rmtree(folder, ignore_errors=True)


def migrated_template() -> str | None:
    """The name of a database in which all migrations have run; the first who asks makes it."""
    if not are_ours():
        return None
    done = Path(os.environ[SESSION]) / "template.done"
    with locked(done.with_suffix(".lock")):
        if not done.exists():
            _make_template()
            done.touch()
    return TEMPLATE


def _make_template() -> None:
    postgres = _postgres(Path(os.environ[SESSION]))
    postgres.create_database(TEMPLATE)
    url = postgres.url.replace("@/llmhub?", f"@/{TEMPLATE}?")
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        check=True,
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
