"""A checklist takes over from an earlier one what still holds: signatures, waivers and evidence of
items that ask for the same, and whose parts of the subject are the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _

from llmhub.accounts import audit
from llmhub.checklists import digests, locks, standing
from llmhub.checklists.models import Checklist, ChecklistState, Evidence, Signature, Waiver
from llmhub.checklists.standing import ItemStanding
from llmhub.lib.canonical import digest
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import User

MOST = 20

Row = TypeVar("Row", Signature, Waiver, Evidence)
Withdrawn = dict[str, set[int]]


@dataclass(frozen=True)
class Carried:
    signatures: list[Signature]
    waivers: list[Waiver]
    evidence: list[Evidence]


def earlier(checklist: Checklist) -> list[Checklist]:
    """Of the same template and project, newest first."""
    rows = Checklist.objects.filter(
        project=checklist.project_id,
        # A project that changes a built-in template has one of its own under the same name.
        template_version__template__slug=checklist.template_version.template.slug,
        created_at__lte=checklist.created_at,
    ).exclude(pk=checklist.pk)
    # What was given up before its launch was perhaps given up for a reason.
    rows = rows.exclude(state=ChecklistState.CLOSED)
    found = rows.select_related("run", "model_version__model", "template_version")
    return list(found.defer("subject")[:MOST])


@transaction.atomic
def carry(checklist: Checklist, source: Checklist, user: User) -> Carried:
    """Raises Refused where nothing holds. Who has signed here already stays with that."""
    locks.all_of(Checklist.objects.filter(pk__in=[checklist.pk, source.pk]))
    checklist = locks.checklist(checklist.pk)
    if not checklist.is_open():
        raise Refused({"": [_("This checklist is closed: nothing is added to it any more.")]})
    old = {one.key: one for one in standing.of(source).items}
    pairs = [
        (old[one.key], one) for one in standing.of(checklist).items if holds(old.get(one.key), one)
    ]
    evidence = {row.pk: copy for before, now in pairs for row, copy in evidence_of(before, now)}
    gone = withdrawn(checklist)
    known = {row.pk for _before, now in pairs for row in now.evidence}
    carried = Carried(
        [row for before, now in pairs for row in signatures_of(before, now, evidence, gone)],
        [row for before, now in pairs for row in waivers_of(before, now, gone)],
        [copy for copy in evidence.values() if copy.pk not in known],
    )
    if not (carried.signatures or carried.waivers or carried.evidence):
        raise Refused({"earlier": [_("Nothing of it holds for this checklist.")]})
    Checklist.objects.filter(pk=checklist.pk).update(carried_from=source)
    record(checklist, source, user, carried)
    locks.announce(checklist)
    return carried


def withdrawn(checklist: Checklist) -> Withdrawn:
    """By item: who has taken back here what they said. Nobody but they say it again."""
    found: Withdrawn = defaultdict(set)
    mine = {"checklist": checklist, "withdrawn_at__isnull": False}
    for item, user in Signature.objects.filter(**mine).values_list("item", "user_id"):
        found[item].add(user)
    for item, by, owner in Waiver.objects.filter(**mine).values_list("item", "by_id", "owner_id"):
        found[item] |= {by, owner}
    return found


def holds(before: ItemStanding | None, now: ItemStanding) -> bool:
    """Asked for the same, of the same parts."""
    return before is not None and before.item == now.item and before.parts_hash == now.parts_hash


def evidence_of(before: ItemStanding, now: ItemStanding) -> Iterable[tuple[Evidence, Evidence]]:
    """With its age: what has grown too old stays behind. What came along before is not copied."""
    here = {digest(row.content()): row for row in now.evidence}
    rows = [*([before.check] if before.check else []), *before.attached]
    for row in reversed(rows):
        if now.holds(row) and not (row == before.check and now.check):
            yield row, here.get(digest(row.content())) or copy_of(row, now)


def signatures_of(
    before: ItemStanding, now: ItemStanding, evidence: dict[int, Evidence], gone: Withdrawn
) -> Iterable[Signature]:
    signed = {row.user_id for row in now.signatures} | gone.get(now.key, set())
    for row in before.signatures:
        if row.user_id in signed or not fits(row, now):
            continue
        found = [evidence[pk] for pk in row.evidence if pk in evidence]
        yield copy_of(
            row,
            now,
            carried_from_id=row.pk,
            evidence=[one.pk for one in found],
            evidence_hash=digests.of_evidence(found),
        )


def fits(row: Signature, now: ItemStanding) -> bool:
    """Of somebody who could sign here today: the role counts as it is now."""
    return now.facts.people.get(row.user_id) == row.role


def waivers_of(before: ItemStanding, now: ItemStanding, gone: Withdrawn) -> Iterable[Waiver]:
    """Such as the same people could make here today."""
    waiver = before.waiver
    if waiver is None or now.waiver or waiver.until < now.facts.now.date():
        return
    if gone.get(now.key, set()) & {waiver.by_id, waiver.owner_id}:
        return
    if now.may_waive_as(waiver.by_id) or not now.may_answer(waiver.owner_id):
        return
    yield copy_of(waiver, now)


def copy_of(row: Row, now: ItemStanding, **changes: object) -> Row:
    """The same row on this checklist."""
    kept = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not field.primary_key
    }
    kept |= {"checklist_id": now.facts.checklist.pk, **changes}
    return type(row)._default_manager.create(**kept)


def record(checklist: Checklist, source: Checklist, user: User, carried: Carried) -> None:
    """One entry a row, as for those that are made here: each with its digest."""
    about = f"checklist:{checklist.pk}"
    for kind, act, rows in (
        ("evidence", "evidence.carried", carried.evidence),
        ("signature", "checklist.carried", carried.signatures),
        ("waiver", "checklist.carried", carried.waivers),
    ):
        for row in rows:
            values = {kind: row.pk, "item": row.item, "digest": digests.digest_of(row)}
            audit.record(checklist.project_id, user, act, about, earlier=source.pk, **values)
