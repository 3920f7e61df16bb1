"""The heads of the audit logs, written down outside the database: HUB_DATA/audit/<project>.jsonl.

A chain that lost its last entries is still a chain. Each line says how far it reached at a moment,
so that a cut tail is found, and a chain that was written anew as a whole. Whoever can write to the
database and to this folder can change both: copy the files to where they cannot.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from llmhub.accounts.models import AuditEntry
from llmhub.lib import durable

# The newest anchor is in here: lines have some 150 bytes, and a few may have come out of order.
TAIL_BYTES = 8192

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Anchor:
    number: int
    sha256: str


@dataclass(frozen=True)
class Unreadable:
    line: int


def folder() -> Path:
    return Path(settings.HUB_DATA) / "audit"


def path(project_id: int) -> Path:
    return folder() / f"{project_id}.jsonl"


def projects() -> set[int]:
    return {int(found.stem) for found in folder().glob("*.jsonl") if found.stem.isdecimal()}


def write(entry: AuditEntry) -> None:
    """Returns once it is on the disk."""
    place = path(entry.project_id)
    is_new = not place.exists()
    place.parent.mkdir(parents=True, exist_ok=True)
    said = {"number": entry.number, "sha256": entry.sha256, "at": timezone.now().isoformat()}
    with place.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line_end(file.fileno()) + json.dumps(said).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        durable.flush(place.parent)


def line_end(descriptor: int) -> bytes:
    """Ends a line that a crash cut off, so that the next one can be read."""
    size = os.fstat(descriptor).st_size
    return b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""


def read(project_id: int) -> Iterator[Anchor | Unreadable]:
    try:
        with path(project_id).open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield anchor(line) or Unreadable(number)
    except FileNotFoundError:
        return


def anchor(line: bytes) -> Anchor | None:
    try:
        said = json.loads(line)
        return Anchor(int(said["number"]), str(said["sha256"]))
    except (ValueError, KeyError, TypeError):
        return None


def newest(project_id: int) -> Anchor | None:
    try:
        with path(project_id).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            found = [anchor(line) for line in file]
    except FileNotFoundError:
        return None
    return max(filter(None, found), key=lambda one: one.number, default=None)


def is_cut(project_id: int) -> bool:
    """Whether the log in the database ends before the newest anchor."""
    # In this order: an anchor is written after the commit of its entry.
    kept, last = newest(project_id), head(project_id)
    return kept is not None and (last is None or last.number < kept.number)


def head(project_id: int) -> AuditEntry | None:
    return AuditEntry.objects.filter(project_id=project_id).order_by("-number").first()


def tend() -> None:
    """Writes down what a process that died could not, and says where a log ends too early."""
    in_database = AuditEntry.objects.order_by("project").values_list("project", flat=True)
    for project_id in set(in_database.distinct()) | projects():
        kept, last = newest(project_id), head(project_id)
        if last and (kept is None or kept.number < last.number):
            write(last)
        elif kept and (last is None or last.number < kept.number):
            logger.error(
                "The audit log of project %s ends at entry %s, and entry %s was there: "
                "run `manage.py verify_audit`",
                project_id,
                last.number if last else 0,
                kept.number,
            )
