"""A folder for Unix sockets: short, because a socket's path may have 107 bytes, and ours alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from pathlib import Path

from ops.errors import Refused

LONGEST_NAME = ".s.PGSQL.5432.lock"
LONGEST_PATH = 107


def socket_dir(hub_data: Path) -> Path:
    """The same folder at every start with this HUB_DATA, another one with any other."""
    uid = os.geteuid()
    mark = hashlib.sha256(os.fsencode(hub_data)).hexdigest()[:10]
    folder = _runtime_dir(uid, mark) or Path("/tmp") / f"llmhub-{uid}-{mark}"  # noqa: S108
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    _check_ours(folder, uid)
    return folder


def remove_socket_dir(hub_data: Path) -> None:
    shutil.rmtree(socket_dir(hub_data), ignore_errors=True)


def _runtime_dir(uid: int, mark: str) -> Path | None:
    """Under XDG_RUNTIME_DIR, when it is this user's: `su` leaves another's behind."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    if not runtime.is_dir() or runtime.stat().st_uid != uid or not os.access(runtime, os.W_OK):
        return None
    folder = runtime / f"llmhub-{mark}"
    return folder if len(os.fsencode(folder / LONGEST_NAME)) <= LONGEST_PATH else None


def _check_ours(folder: Path, uid: int) -> None:
    """In /tmp anybody may have been there before us, with a link or an open folder."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise Refused(f"{folder} is not a folder that only this user may enter: remove it.")
