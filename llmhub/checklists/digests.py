"""What a row says, as one digest: the audit log keeps it, so that a changed row is found.

Nothing in it changes later: a withdrawal is an act of its own, and people are numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import singledispatch
from typing import Any

from llmhub.checklists.models import (
    Checklist,
    Comment,
    Evidence,
    Signature,
    TemplateVersion,
    Waiver,
)
from llmhub.lib.canonical import digest

Row = Signature | Waiver | Evidence | Comment | Checklist | TemplateVersion


def digest_of(row: Row) -> str:
    return digest(content(row))


@singledispatch
def content(row: Row) -> dict[str, Any]:
    raise TypeError(row)


@content.register
def signature(row: Signature) -> dict[str, Any]:
    return {
        "checklist": row.checklist_id,
        "item": row.item,
        "parts": row.parts,
        "parts_hash": row.parts_hash,
        "user": row.user_id,
        "role": row.role,
        "meaning": row.meaning,
        "note": row.note,
        "evidence": list(row.evidence),
        "evidence_hash": row.evidence_hash,
        "at": moment(row.signed_at),
    }


@content.register
def waiver(row: Waiver) -> dict[str, Any]:
    return {
        "checklist": row.checklist_id,
        "item": row.item,
        "parts": row.parts,
        "parts_hash": row.parts_hash,
        "by": row.by_id,
        "owner": row.owner_id,
        "reason": row.reason,
        "until": row.until.isoformat(),
        "at": moment(row.made_at),
    }


@content.register
def evidence(row: Evidence) -> dict[str, Any]:
    return {"checklist": row.checklist_id, **row.content()}


@content.register
def comment(row: Comment) -> dict[str, Any]:
    return {
        "checklist": row.checklist_id,
        "item": row.item,
        "user": row.user_id,
        "text": row.text,
        "at": moment(row.at),
    }


@content.register
def checklist(row: Checklist) -> dict[str, Any]:
    """What was signed off: the subject by its hashes, the template, and who made the subject."""
    return {
        "checklist": row.pk,
        "project": row.project_id,
        "template": row.template_version.sha256,
        "hashes": row.hashes,
        "authors": sorted(row.authors),
        "solo": row.is_solo,
    }


@content.register
def template_version(row: TemplateVersion) -> dict[str, Any]:
    """So that the digest is its `sha256`."""
    found: dict[str, Any] = row.content
    return found


def of_evidence(rows: Iterable[Evidence]) -> str:
    """For `Signature.evidence_hash`: what all of it says, in the order of its numbers."""
    ordered = sorted(rows, key=lambda row: row.pk)
    return digest([digest_of(row) for row in ordered]) if ordered else ""


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
