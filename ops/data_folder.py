"""HUB_DATA: one hub at a time, room to write, the secret key, and where the servers are."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from pathlib import Path

from ops.errors import Refused

NEEDED_BYTES = 128 * 2**20


class DataFolder:
    """Held for as long as the object lives; the lock goes with the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Refused(
                f"HUB_DATA {path} cannot be written ({error.strerror}): "
                "make it writable, or set HUB_DATA to another folder."
            ) from None
        self._take_lock()
        self._check_room()
        self.logs.mkdir(mode=0o700, exist_ok=True)

    @property
    def logs(self) -> Path:
        return self.path / "log"

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._lock, 20, 0).decode() or "unknown"
            raise Refused(
                f"Another hub runs on {self.path} (process {pid}): "
                "stop it, or set HUB_DATA and HUB_PORT for a second one."
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < NEEDED_BYTES:
            raise Refused(
                f"The disk of {self.path} has {free // 2**20} MB left and a hub needs "
                f"{NEEDED_BYTES // 2**20} MB: make room, or set HUB_DATA to another disk."
            )

    def provide_secret_key(self) -> None:
        if not (self.path / "secret_key").exists():
            self._write("secret_key", secrets.token_urlsafe(50))

    def publish_servers(self, database_url: str, redis_url: str) -> None:
        """For `python manage.py ...` typed by hand."""
        servers = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        self._write("servers.json", json.dumps(servers))

    def withdraw_servers(self) -> None:
        (self.path / "servers.json").unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        """The whole file or none, for nobody else to read."""
        aside = self.path / f"{name}.new"
        aside.touch(mode=0o600)
        aside.write_text(text)
        aside.replace(self.path / name)
