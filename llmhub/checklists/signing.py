"""Signatures and waivers: made with a fresh password, bound to what they are about, withdrawn.

The checklist's row is locked while one is made, so that a launch or an edit of the subject comes
before it or after it, and never between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeVar

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from llmhub.accounts import audit, confirming
from llmhub.checklists import digests, locks, standing
from llmhub.checklists.models import Checklist, Evidence, EvidenceKind, Meaning, Signature, Waiver
from llmhub.checklists.standing import ItemStanding, Standing
from llmhub.lib.remarks import UNFIT
from llmhub.runs.said import Errors, Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import User

MAX_TEXT = 2_000
MOST_DAYS = 30

Bound = TypeVar("Bound", Signature, Waiver)


def sign(
    checklist: Checklist,
    keys: Sequence[str],
    user: User,
    meaning: str,
    password: str,
    note: str = "",
    evidence: Iterable[int] = (),
    seen: Mapping[str, str] | None = None,
) -> list[Signature]:
    """One act for all of these items: every one is signed, or none.

    `evidence`: what the person had before them; of an item of which none is named, all that holds.
    `seen`: by item the `parts_hash` that their page showed, so that nobody signs what they did not
    look at. Raises Refused with the reasons by item or field.
    """
    check_password(user, password)
    note = said("note", note)
    if meaning not in Meaning.values:
        raise Refused({"meaning": [_("Choose what your signature says.")]})
    with transaction.atomic():
        checklist = locks.checklist(checklist.pk)
        found = standing.of(checklist)
        items = named(found, keys)
        refuse(problems(items, user, seen or {}))
        rows = [
            signature(found, item, user, Meaning(meaning), note, set(evidence)) for item in items
        ]
        locks.announce(checklist)
    return rows


def signature(
    found: Standing, item: ItemStanding, user: User, meaning: Meaning, note: str, chosen: set[int]
) -> Signature:
    before_them = looked_at(item, chosen)
    row = Signature.objects.create(
        **bound_to(found, item),
        user=user,
        role=found.facts.people[user.pk],
        meaning=meaning,
        note=note,
        evidence=[one.pk for one in before_them],
        evidence_hash=digests.of_evidence(before_them),
    )
    record(found.checklist, user, "checklist.signed", row, meaning=meaning, role=row.role)
    return row


def bound_to(found: Standing, item: ItemStanding) -> dict[str, object]:
    return {
        "checklist": found.checklist,
        "item": item.key,
        "parts": found.checklist.parts(item.item.depends),
        "parts_hash": item.parts_hash,
    }


def looked_at(item: ItemStanding, chosen: set[int]) -> list[Evidence]:
    """What a check found is always before them; of the rest what they chose, or all that holds."""
    checks = [item.check] if item.check else []
    of_item = [row for row in item.evidence if row.pk in chosen and row.kind != EvidenceKind.CHECK]
    return sorted([*checks, *(of_item or item.attached)], key=lambda row: row.pk)


def problems(items: Sequence[ItemStanding], user: User, seen: Mapping[str, str]) -> Errors:
    found: Errors = {}
    for item in items:
        reason = item.may_sign(user)
        if not reason and seen.get(item.key, item.parts_hash) != item.parts_hash:
            reason = _("The subject has changed since you opened the page: look at it again.")
        if reason:
            found[item.key] = [reason]
    return found


@transaction.atomic
def withdraw(signature: Signature, user: User) -> None:
    """By whoever made it, until the launch. The row stays, and says when."""
    checklist = locks.checklist(signature.checklist_id)
    row = Signature.objects.get(pk=signature.pk)
    if row.user_id != user.pk:
        raise Refused({row.item: [_("Only whoever signed can withdraw a signature.")]})
    end(checklist, row, user, "checklist.withdrawn")


@transaction.atomic
def withdraw_waiver(waiver: Waiver, user: User) -> None:
    """By whoever made it or answers for it."""
    checklist = locks.checklist(waiver.checklist_id)
    row = Waiver.objects.get(pk=waiver.pk)
    if user.pk not in {row.by_id, row.owner_id}:
        raise Refused({row.item: [_("Only whoever waived it or answers for it can withdraw it.")]})
    end(checklist, row, user, "checklist.withdrawn")


def end(checklist: Checklist, row: Bound, user: User, act: str) -> None:
    if not checklist.is_open():
        reason = _("This checklist is closed: what was signed stays signed.")
        raise Refused({row.item: [reason]})
    if row.withdrawn_at is not None:
        return
    row.withdrawn_at = timezone.now()
    row.save(update_fields=["withdrawn_at"])
    record(checklist, user, act, row)
    locks.announce(checklist)


def waive(
    checklist: Checklist,
    key: str,
    user: User,
    owner: User,
    reason: str,
    until: date,
    password: str,
) -> Waiver:
    """Somebody answers for an item that is not done, for some days. Raises Refused."""
    check_password(user, password)
    reason = said("reason", reason)
    with transaction.atomic():
        checklist = locks.checklist(checklist.pk)
        found = standing.of(checklist)
        [item] = named(found, [key])
        refuse(problems_of_waiver(item, user, owner, reason, until))
        row = Waiver.objects.create(
            **bound_to(found, item), by=user, owner=owner, reason=reason, until=until
        )
        record(checklist, user, "checklist.waived", row, owner=owner.pk, until=until.isoformat())
        locks.announce(checklist)
    return row


def problems_of_waiver(
    item: ItemStanding, user: User, owner: User, reason: str, until: date
) -> Errors:
    found: Errors = {}
    today = timezone.localdate()
    refusal = item.may_waive(user)
    if refusal:
        found[item.key] = [refusal]
    if not reason:
        found["reason"] = [_("Say why it need not be done: whoever audits this will ask.")]
    if owner.pk not in item.facts.people:
        found["owner"] = [_("Choose somebody who works in this project.")]
    elif item.facts.is_author(owner.pk) and not item.facts.is_solo:
        found["owner"] = [_("Whoever made or edited the subject cannot answer for it themselves.")]
    if not today <= until <= today + timedelta(days=MOST_DAYS):
        found["until"] = [_("Choose a day within the next %(days)s days.") % {"days": MOST_DAYS}]
    return found


def check_password(user: User, password: str) -> None:
    reason = confirming.problem(user, password)
    if reason:
        raise Refused({"password": [reason]})


def named(found: Standing, keys: Iterable[str]) -> list[ItemStanding]:
    wanted = list(dict.fromkeys(keys))
    items = [item for key in wanted if (item := found.find(key))]
    if not items or len(items) < len(wanted):
        raise Refused({"": [_("Choose items of this checklist.")]})
    return items


def said(field: str, text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > MAX_TEXT:
        raise Refused({field: [_("At most %(limit)s characters.") % {"limit": MAX_TEXT}]})
    if text and not any(letter.isprintable() and not letter.isspace() for letter in text):
        raise Refused({field: [_("There is nothing in it that can be read.")]})
    if UNFIT.search(text):
        raise Refused({field: [_("This text holds characters that cannot be stored.")]})
    return text


def refuse(errors: Errors) -> None:
    if errors:
        raise Refused(errors)


def record(
    checklist: Checklist, user: User, act: str, row: Signature | Waiver, **data: object
) -> None:
    """With the digest of the row, so that one which is changed later is found."""
    kind = "signature" if isinstance(row, Signature) else "waiver"
    audit.record(
        checklist.project_id,
        user,
        act,
        f"checklist:{checklist.pk}",
        **{"item": row.item, kind: row.pk, "digest": digests.digest_of(row)},
        **data,
    )
