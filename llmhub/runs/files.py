"""Files that scripts leave with their runs: taken piece by piece, each content stored once."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from llmhub.datasets import storing
from llmhub.jobs.live import publish
from llmhub.lib import remarks
from llmhub.lib.texts import is_slug
from llmhub.runs.live import run_topic
from llmhub.runs.models import Attempt, Run, RunFile
from llmhub.runs.said import Refused
from llmhub.runs.transitions import lock

FOLDER = "runs"
PIECE_BYTES = 1024 * 1024
MAX_NAME = 200
MAX_FILES = 1_000
# A file that is being received, or whose row is not committed yet, is younger.
ORPHANED_AFTER = timedelta(hours=6)
UNKNOWN_TYPE = "application/octet-stream"

Read = Callable[[int], bytes]


class TooLarge(Exception):
    """More than a file, or a run, may have; the text says the limit."""


class Stale(Exception):
    """The attempt speaks for its run no more."""


@dataclass(frozen=True)
class Staged:
    path: Path
    bytes: int
    sha256: str


def checked_name(name: str) -> str:
    """As a path inside the run, which no file of the hub is ever stored under. Raises Refused."""
    parts = name.split("/")
    if len(name) > MAX_NAME:
        raise Refused({"name": [_("At most %(limit)s characters.") % {"limit": MAX_NAME}]})
    if remarks.UNFIT_IN_NAMES.search(name) or "\\" in name or {"", ".", ".."} & {*parts}:
        raise Refused({"name": [_("A file's name has parts between “/” that are no “.” or “..”.")]})
    return name


def receive(attempt: Attempt, name: str, read: Read) -> RunFile:
    """Takes a file; one of the same name is replaced. Raises Refused, TooLarge or Stale."""
    name = checked_name(name)
    # Before the bytes come: they may be many.
    require_room(attempt, name, 0)
    staged = stage(read)
    try:
        return keep(attempt, name, staged)
    finally:
        staged.path.unlink(missing_ok=True)


def stage(read: Read) -> Staged:
    """The bytes in a file that nobody else knows of, with their hash."""
    folder = Path(settings.HUB_DATA) / "receiving"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, place = tempfile.mkstemp(dir=folder)
    path, size, digest = Path(place), 0, hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as target:
            while piece := read(PIECE_BYTES):
                size += len(piece)
                if size > settings.RUN_FILE_MAX_BYTES:
                    raise TooLarge(too_large(settings.RUN_FILE_MAX_BYTES))
                digest.update(piece)
                target.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Staged(path, size, digest.hexdigest())


def too_large(limit: int) -> str:
    return _("A file may have at most %(limit)s bytes.") % {"limit": limit}


@transaction.atomic
def keep(attempt: Attempt, name: str, staged: Staged) -> RunFile:
    lock(attempt.run)
    require_room(attempt, name, staged.bytes)
    stored = f"{FOLDER}/{staged.sha256[:2]}/{staged.sha256}"
    file, _created = RunFile.objects.update_or_create(
        run=attempt.run,
        name=name,
        defaults={
            "attempt": attempt,
            "stored": storing.hold(staged.path, stored, staged.sha256),
            "sha256": staged.sha256,
            "bytes": staged.bytes,
            "media_type": (mimetypes.guess_type(name)[0] or UNKNOWN_TYPE)[:100],
        },
    )
    publish(run_topic(attempt.run_id), {"type": "files", "run": attempt.run_id})
    return file


def require_room(attempt: Attempt, name: str, size: int) -> None:
    run = attempt.run
    if not run.is_external or attempt.fence != run.fence:
        raise Stale
    others = run.files.exclude(name=name)
    if others.count() >= MAX_FILES:
        raise TooLarge(_("A run may have at most %(limit)s files.") % {"limit": MAX_FILES})
    total = others.aggregate(total=Sum("bytes", default=0))["total"]
    limit = settings.RUN_FILES_MAX_BYTES
    if total + size > limit:
        raise TooLarge(_("The files of a run may have at most %(limit)s bytes.") % {"limit": limit})


def readme(run: Run) -> RunFile | None:
    """What the page shows below the list, where the script left one."""
    found = run.files.filter(name__iexact="readme.md", bytes__lte=remarks.MAX_NOTES)
    return found.order_by("name").first()


def text_of(file: RunFile) -> str:
    """Empty where the storage has lost it."""
    try:
        with default_storage.open(file.stored, "rb") as content:
            return bytes(content.read(remarks.MAX_NOTES)).decode("utf-8", "replace")
    except OSError:
        return ""


def tidy() -> None:
    """Housekeeping: contents that no run has any more, and what was never received whole."""
    before = time.time() - ORPHANED_AFTER.total_seconds()
    for path in (Path(settings.HUB_DATA) / "receiving").glob("*"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
    if default_storage.exists(FOLDER):
        for part in default_storage.listdir(FOLDER)[0]:
            remove_unused(f"{FOLDER}/{part}", before)


@transaction.atomic
def remove_unused(folder: str, before: float) -> None:
    """Under the lock of the storage: nobody may be about to use what is deleted."""
    storing.lock()
    names = {f"{folder}/{name}" for name in default_storage.listdir(folder)[1] if is_slug(name)}
    used = set(RunFile.objects.filter(stored__in=names).values_list("stored", flat=True))
    for name in names - used:
        if default_storage.get_modified_time(name).timestamp() < before:
            default_storage.delete(name)
