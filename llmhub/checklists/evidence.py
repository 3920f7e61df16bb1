"""Evidence that people attach to an item: a file, an address, or a run.

A file is stored once under its hash, outside the files that other parts of the hub tidy away: what
somebody signed on must be there as long as the signature.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from llmhub.accounts import audit
from llmhub.checklists import digests, locks
from llmhub.checklists.models import Checklist, Evidence, EvidenceKind
from llmhub.lib import durable, manifest
from llmhub.lib.remarks import UNFIT, UNFIT_IN_NAMES
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from django.core.files import File

    from llmhub.accounts.models import User
    from llmhub.checklists.items import Item
    from llmhub.runs.models import Run

MAX_NOTE = 2_000
MAX_NAME = 200
MAX_LINK = 500


@dataclass(frozen=True)
class Stored:
    name: str
    sha256: str
    bytes: int


def attach(
    checklist: Checklist,
    key: str,
    user: User,
    *,
    file: File[bytes] | None = None,
    link: str = "",
    run: Run | None = None,
    note: str = "",
) -> Evidence:
    """One of the three. Raises Refused; the caller has checked that the person may."""
    note, link = checked_note(note), checked_link(link)
    if sum((file is not None, bool(link), run is not None)) != 1:
        raise Refused({"": [_("Attach one thing: a file, a link, or a run.")]})
    if run is not None and run.project_id != checklist.project_id:
        raise Refused({"run": [_("This run is of another project.")]})
    stored = keep(file) if file is not None else None
    return record(checklist, key, user, stored, link, run, note)


@transaction.atomic
def record(
    checklist: Checklist,
    key: str,
    user: User,
    stored: Stored | None,
    link: str,
    run: Run | None,
    note: str,
) -> Evidence:
    checklist = locks.checklist(checklist.pk)
    item = open_item(checklist, key)
    kind = EvidenceKind.FILE if stored else EvidenceKind.LINK if link else EvidenceKind.RUN
    made = Evidence.objects.create(
        checklist=checklist,
        item=key,
        kind=kind,
        parts_hash=checklist.parts_hash(item.depends),
        link=link,
        run=run,
        file_name=stored.name if stored else "",
        file_sha256=stored.sha256 if stored else "",
        file_bytes=stored.bytes if stored else None,
        note=note,
        by=user,
    )
    audit.record(
        checklist.project_id,
        user,
        "evidence.added",
        f"checklist:{checklist.pk}",
        item=key,
        evidence=made.pk,
        kind=str(kind),
        digest=digests.digest_of(made),
    )
    locks.announce(checklist)
    return made


def open_item(checklist: Checklist, key: str) -> Item:
    """Of a checklist on which something can still be done."""
    item = checklist.template_version.parsed.item(key)
    if item is None:
        raise Refused({"item": [_("This checklist has no such item.")]})
    if not checklist.is_open():
        raise Refused({"": [_("This checklist is closed: nothing is added to it any more.")]})
    return item


def checked_note(note: str) -> str:
    note = note.replace("\r\n", "\n").strip()
    if len(note) > MAX_NOTE:
        raise Refused({"note": [_("At most %(limit)s characters.") % {"limit": MAX_NOTE}]})
    if UNFIT.search(note):
        raise Refused({"note": [_("This text holds characters that cannot be stored.")]})
    return note


def checked_link(link: str) -> str:
    """An address that a browser opens as a page: no `javascript:`, no `file:`."""
    link = link.strip()
    if not link:
        return ""
    try:
        parts = urlsplit(link)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or UNFIT_IN_NAMES.search(link):
        raise Refused({"link": [_("An address that begins with https:// or http://.")]})
    if len(link) > MAX_LINK:
        raise Refused({"link": [_("At most %(limit)s characters.") % {"limit": MAX_LINK}]})
    return link


def keep(file: File[bytes]) -> Stored:
    """The bytes under their hash; those that are there already are not written again."""
    name = UNFIT_IN_NAMES.sub("", file.name or "").strip()[-MAX_NAME:] or _("file")
    if (file.size or 0) > settings.EVIDENCE_MAX_BYTES:
        limit = settings.EVIDENCE_MAX_BYTES // 2**20
        raise Refused({"file": [_("A file may have at most %(limit)s MiB.") % {"limit": limit}]})
    if not file.size:
        raise Refused({"file": [_("This file is empty.")]})
    sha256, size = store(file.chunks())
    return Stored(name, sha256, size)


def store(pieces: Iterable[bytes]) -> tuple[str, int]:
    folder = root()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    handle, aside = tempfile.mkstemp(dir=folder, prefix=".")
    path = Path(aside)
    try:
        with os.fdopen(handle, "wb") as target:
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                target.write(piece)
        place = place_of(digest.hexdigest())
        place.parent.mkdir(mode=0o700, exist_ok=True)
        durable.publish(path, place)
    finally:
        path.unlink(missing_ok=True)
    return digest.hexdigest(), size


def root() -> Path:
    return Path(settings.HUB_DATA) / "evidence"


def is_whole(sha256: str) -> bool:
    """Whether the file is there, and what it was."""
    try:
        return manifest.file_hash(place_of(sha256)) == sha256
    except OSError:
        return False


def place_of(sha256: str) -> Path:
    return root() / sha256[:2] / sha256
