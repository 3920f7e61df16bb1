"""A checklist as one JSON document that proves itself: `tools/verify_signoff.py` shows it offline.

The same checklist gives the same bytes, whenever it is asked, so that a PDF can name the digest of
the document that it belongs to. Of entries of the audit log that are about something else there is
only the hash: enough to prove the chain, and nothing of what happened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Min, Q
from django.utils.translation import override

from llmhub.accounts import audit
from llmhub.accounts.models import AuditEntry, User
from llmhub.checklists.digests import Row, content, digest_of, moment
from llmhub.checklists.models import Checklist
from llmhub.lib.canonical import digest

FORMAT = "llmhub.signoff/1"

Document = dict[str, Any]


@transaction.atomic
def document(checklist: Checklist) -> Document:
    # Nothing is recorded meanwhile: rows and log are of the same moment.
    audit.hold_end(checklist.project_id)
    checklist.refresh_from_db()
    rows = {
        "signatures": [made(row) for row in checklist.signature_set.order_by("pk")],
        "waivers": [made(row) for row in checklist.waiver_set.order_by("pk")],
        "evidence": [made(row) for row in checklist.evidence_set.order_by("pk")],
        "comments": [made(row) for row in checklist.comment_set.order_by("pk")],
    }
    links = list(stretch(checklist))
    found: Document = {
        "format": FORMAT,
        "project": {"id": checklist.project_id, "name": checklist.project.name},
        "checklist": about(checklist),
        "template": template(checklist),
        "subject": checklist.subject,
        "hashes": checklist.hashes,
        "audit": links,
        **rows,
    }
    found["people"] = names(people_in(found))
    return {**found, "sha256": digest(found)}


def as_bytes(found: Document) -> bytes:
    text = json.dumps(found, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def file_sha256(found: Document) -> str:
    return hashlib.sha256(as_bytes(found)).hexdigest()


def about(checklist: Checklist) -> dict[str, Any]:
    run, version = checklist.run, checklist.model_version
    # The document is the same in every language.
    with override("en"):
        title, subject = checklist.template_version.title, str(run or version)
    return {
        "id": checklist.pk,
        "title": title,
        "about": f"run:{run.pk}" if run else f"version:{checklist.model_version_id}",
        "subject": subject,
        "state": checklist.state,
        "solo": checklist.is_solo,
        "authors": sorted(checklist.authors),
        "carried_from": checklist.carried_from_id,
        "created_by": checklist.created_by_id,
        "created_at": moment(checklist.created_at),
        "settled_at": maybe(checklist.settled_at),
    }


def template(checklist: Checklist) -> dict[str, Any]:
    version = checklist.template_version
    return {
        "slug": version.template.slug,
        "number": version.number,
        "content": version.content,
        "sha256": version.sha256,
    }


def made(row: Row) -> dict[str, Any]:
    return {
        "id": row.pk,
        "content": content(row),
        "digest": digest_of(row),
        "withdrawn_at": maybe(getattr(row, "withdrawn_at", None)),
        "carried_from": getattr(row, "carried_from_id", None),
    }


def maybe(at: datetime | None) -> str | None:
    return moment(at) if at else None


# --- the audit log


def stretch(checklist: Checklist) -> Iterator[dict[str, Any]]:
    """From the first entry about the checklist to the last one: each links to the one before it."""
    mine = concerning(checklist)
    found = AuditEntry.objects.filter(mine, project=checklist.project_id)
    ends = found.aggregate(first=Min("number"), last=Max("number"))
    if ends["first"] is None:
        return
    whole = set(found.values_list("pk", flat=True))
    rows = AuditEntry.objects.filter(
        project=checklist.project_id, number__range=(ends["first"], ends["last"])
    )
    for entry in rows.order_by("number").iterator():
        link = entry.link()
        yield {**link, "content": entry.content()} if entry.pk in whole else link


def concerning(checklist: Checklist) -> Q:
    """Also what happened to its subject."""
    subject = (
        f"run:{checklist.run_id}" if checklist.run_id else f"version:{checklist.model_version_id}"
    )
    return Q(about__in=[f"checklist:{checklist.pk}", subject])


# --- people: by their numbers in all that is hashed, by their names beside it


def people_in(found: Document) -> set[int]:
    return {number for number in numbers(found) if number is not None}


def numbers(found: Document) -> Iterator[int | None]:
    yield found["checklist"]["created_by"]
    yield from found["checklist"]["authors"]
    for kind in ("signatures", "waivers", "evidence", "comments"):
        for row in found[kind]:
            yield from (row["content"].get(name) for name in ("user", "by", "owner"))
    for link in found["audit"]:
        if isinstance(link["content"], dict):
            yield link["content"]["user"]


def names(people: Iterable[int]) -> dict[str, str | None]:
    """None: erased."""
    known = {user.pk: str(user) for user in User.objects.filter(pk__in=people)}
    return {str(number): known.get(number) for number in sorted(people)}
