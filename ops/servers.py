"""The database and the broker: those that the environment names, else our own."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from signal import Signals
from typing import Protocol

import psycopg
import redis

from ops.errors import Refused

READY_WITHIN = 10.0
OLDEST_POSTGRES = 160000


class Server(Protocol):
    """A server of our own; `prepare` comes once, `start` again after every death."""

    @property
    def name(self) -> str: ...
    @property
    def log(self) -> Path: ...
    @property
    def stop_signal(self) -> Signals: ...
    @property
    def url(self) -> str: ...
    def prepare(self) -> None: ...
    def start(self) -> subprocess.Popen[bytes]: ...
    def is_ready(self) -> bool: ...


def start(server: Server) -> subprocess.Popen[bytes]:
    """Starts a server and waits until it answers.

    After a crash the one before may still be ending, and holds its lock for a moment: try again.
    """
    server.prepare()
    give_up = time.monotonic() + READY_WITHIN
    process = server.start()
    while not server.is_ready():
        if time.monotonic() > give_up:
            process.kill()
            process.wait()
            raise Refused(f"{server.name} does not start: {last_words(server.log)}")
        time.sleep(0.05)
        if process.poll() is not None:
            time.sleep(0.2)
            process = server.start()
    return process


def last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return f"{lines[-1].strip()} (the log is {log})" if lines else f"see {log}"


def check_database(url: str) -> None:
    """A database that was named in the environment has to answer, and to be recent enough."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise Refused("DATABASE_URL must look like postgresql://user:password@host:5432/name.")
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            version = connection.info.server_version
    except psycopg.ProgrammingError:  # the reason would repeat the password
        raise Refused("DATABASE_URL cannot be read: mind which characters need a %.") from None
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise Refused(f"DATABASE_URL cannot be used: {reason}") from None
    if version < OLDEST_POSTGRES:
        raise Refused(f"DATABASE_URL is PostgreSQL {version // 10000}; 16 or newer is needed.")


def check_broker(url: str) -> None:
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise Refused(f"REDIS_URL cannot be used: {reason}") from None
