"""The audit log of a project: who did what, in the order in which it happened.

Written in the transaction of the act itself. Each entry holds the hash of the one before it, so
that an entry which is changed, removed or put in between breaks the chain. The hash of the last one
is also kept outside of the database (`accounts.anchors`), `manage.py verify_audit` compares all of
it, and triggers refuse to change a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from llmhub.accounts import anchors
from llmhub.accounts.models import AuditEntry, Project
from llmhub.lib.canonical import digest

if TYPE_CHECKING:
    from llmhub.accounts.models import User

# What the first entry of a project holds for the one before it.
BEGINNING = "0" * 64


@transaction.atomic
def record(
    project: Project | int, user: User | None, act: str, about: str, **data: Any
) -> AuditEntry:
    """Appends an entry; `about` names the object, as `checklist:12` or `run:7`.

    `data` must be JSON. Ids of people, never their names: a person can be erased.
    """
    project_id = project if isinstance(project, int) else project.pk
    hold_end(project_id)
    last = anchors.head(project_id)
    entry = AuditEntry(
        project_id=project_id,
        number=last.number + 1 if last else 1,
        user_id=user.pk if user else None,
        act=act,
        about=about,
        data=data,
        at=timezone.now(),
        previous=last.sha256 if last else BEGINNING,
    )
    entry.sha256 = digest(entry.link())
    entry.save(force_insert=True)
    # A full disk must not undo what was done; housekeeping writes the anchor later.
    transaction.on_commit(lambda: anchors.write(entry), robust=True)
    return entry


def hold_end(project_id: int) -> None:
    """One after the other: the chain has one end, until the transaction is over."""
    Project.objects.select_for_update(no_key=True).get(pk=project_id)
