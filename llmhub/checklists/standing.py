"""How a checklist stands: which items are settled, by whom, and what is still missing.

Nothing of this is stored. Signatures, waivers and evidence are; whether they still hold follows
from the hashes of the subject's parts as they are now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from django.db import models
from django.db.models import prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts import lately
from llmhub.accounts.models import Membership, Role
from llmhub.checklists import matching
from llmhub.checklists.items import Group, How, Item, Signer
from llmhub.checklists.models import (
    Checklist,
    ChecklistState,
    Evidence,
    EvidenceKind,
    Outcome,
    Signature,
    Waiver,
)
from llmhub.checklists.subject import Change, diff

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

# Who signs an item that a check alone decides, where the check could not.
UNDECIDED = (Signer(role="member"),)
# Who may say that an item is not done and need not be.
WAIVES = Role.APPROVER

Row = TypeVar("Row", Signature, Waiver, Evidence)


class ItemState(models.TextChoices):
    OPEN = "open", gettext_lazy("Open")
    # By all who have to, or by a check where that is enough.
    SIGNED = "signed", gettext_lazy("Signed off")
    WAIVED = "waived", gettext_lazy("Waived")
    FAILED = "failed", gettext_lazy("Check failed")
    CHECKING = "checking", gettext_lazy("Check under way")


@dataclass(frozen=True)
class Facts:
    """What is true of the whole checklist while its items are judged."""

    checklist: Checklist
    # Who may sign in the project, by number, with their role.
    people: Mapping[int, str]
    # What ages is judged at this moment: that of the launch, where there was one.
    now: datetime
    # Somebody lost their place or their role lately: who is left is not alone for that.
    has_shrunk: bool = False

    @property
    def is_solo(self) -> bool:
        if not self.checklist.is_open():
            return self.checklist.is_solo
        return len(self.people) == 1 and not self.has_shrunk

    @property
    def would_be_solo(self) -> bool:
        return self.checklist.is_open() and len(self.people) == 1 and self.has_shrunk

    def is_author(self, user_id: int) -> bool:
        return user_id in self.checklist.authors


@dataclass(frozen=True)
class ItemStanding:
    item: Item
    facts: Facts
    # What a signature made now is bound to.
    parts_hash: str
    signatures: list[Signature]
    # Those that no longer hold, each with what has changed since.
    void: list[tuple[Signature, list[Change]]]
    waiver: Waiver | None
    # Newest first.
    evidence: list[Evidence]

    @property
    def key(self) -> str:
        return self.item.key

    @cached_property
    def check(self) -> Evidence | None:
        """What the check found, if that is of the subject as it is now and not too old."""
        found = self._newest_check
        return found if found and self.holds(found) else None

    @cached_property
    def _newest_check(self) -> Evidence | None:
        return next((row for row in self._checks if row.outcome), None)

    @cached_property
    def _checks(self) -> list[Evidence]:
        rows = [row for row in self.evidence if row.kind == EvidenceKind.CHECK]
        return [row for row in rows if row.check_name == self.item.check]

    def holds(self, row: Evidence) -> bool:
        """Whether evidence still says something of the subject."""
        hours = self.item.max_age_hours
        is_fresh = hours is None or row.taken_at >= self.facts.now - timedelta(hours=hours)
        return row.parts_hash == self.parts_hash and is_fresh

    @cached_property
    def attached(self) -> list[Evidence]:
        """What people brought and still holds."""
        return [row for row in self.evidence if row.kind != EvidenceKind.CHECK and self.holds(row)]

    @property
    def is_stale(self) -> bool:
        """A check was made, and it has to be made again."""
        return self._newest_check is not None and self.check is None

    @property
    def is_checking(self) -> bool:
        return bool(self._checks) and not self._checks[0].outcome

    @property
    def asks_people(self) -> bool:
        """A check that cannot decide leaves the item to them."""
        is_undecided = self.check is not None and self.check.outcome == Outcome.UNKNOWN
        return self.item.how != How.MACHINE or is_undecided

    @property
    def signers(self) -> Sequence[Signer]:
        if not self.asks_people:
            return ()
        wanted = self.item.signers or UNDECIDED
        # Whoever is alone signs for everybody; that is marked.
        return (matching.hardest(wanted),) if self.facts.is_solo else wanted

    @cached_property
    def missing(self) -> list[Signer]:
        """So many people of these roles."""
        return matching.missing(self.signers, {row.user_id: row.role for row in self.signatures})

    @property
    def needs_another(self) -> bool:
        """Only people who made or edited the subject have signed."""
        if self.facts.is_solo or not self.signers:
            return False
        return not any(
            matching.may_take(self.signers, row.role) and not self.facts.is_author(row.user_id)
            for row in self.signatures
        )

    @property
    def waits_for_check(self) -> bool:
        return self.item.how != How.HUMAN and self.check is None

    @cached_property
    def state(self) -> ItemState:
        if self.waiver:
            return ItemState.WAIVED
        if self.is_checking and self.check is None:
            return ItemState.CHECKING
        if self.check and self.check.outcome == Outcome.FAILED:
            return ItemState.FAILED
        if self.waits_for_check or self.missing or self.needs_another:
            return ItemState.OPEN
        return ItemState.SIGNED

    @property
    def is_settled(self) -> bool:
        return self.state in {ItemState.SIGNED, ItemState.WAIVED}

    def may_sign(self, user: User) -> str | None:
        """The reason why not."""
        role = self.facts.people.get(user.pk)
        if not self.facts.checklist.is_open():
            return _("This checklist is closed: nothing is signed any more.")
        if role is None:
            return _("Only members of the project sign.")
        return self._not_signable() or self._not_by(user, role)

    def _not_signable(self) -> str | None:
        if self.check and self.check.outcome == Outcome.FAILED:
            return _("The check has failed: mend what it found, or have the item waived.")
        if self.item.how != How.HUMAN and self.check is None:
            return _("The check comes first: run it.")
        if not self.asks_people:
            return _("A check decides this item; nobody signs it.")
        if self.item.needs_evidence and not self.attached:
            return _("This item needs evidence: attach a file, a link or a run first.")
        return None

    def _not_by(self, user: User, role: str) -> str | None:
        if any(row.user_id == user.pk for row in self.signatures):
            return _("You have signed this.")
        if not matching.may_take(self.signers, role):
            lowest = min((Role(one.role) for one in self.signers), key=list(Role).index)
            return _("This needs the role “%(role)s”.") % {"role": lowest.label}
        return None

    def may_waive(self, user: User) -> str | None:
        """The reason why not."""
        return self.may_waive_as(user.pk)

    def may_waive_as(self, user_id: int) -> str | None:
        role = self.facts.people.get(user_id)
        if not self.facts.checklist.is_open():
            return _("This checklist is closed: nothing is waived any more.")
        if not self.item.waivable:
            return _("This item cannot be waived.")
        if role is None or not Role(role).includes(WAIVES):
            return _("This needs the role “%(role)s”.") % {"role": WAIVES.label}
        if self.facts.is_author(user_id) and not self.facts.is_solo:
            return _("Whoever made or edited the subject does not waive: ask somebody else.")
        return None

    def may_answer(self, user_id: int) -> bool:
        """For the item, while it is waived."""
        is_free = self.facts.is_solo or not self.facts.is_author(user_id)
        return user_id in self.facts.people and is_free

    def why_open(self) -> str:
        """What is missing, in one sentence; empty for what is settled."""
        if self.is_settled:
            return ""
        if self.state == ItemState.FAILED:
            return _("The check has failed.")
        if self.state == ItemState.CHECKING:
            return _("The check is under way.")
        if self.waits_for_check:
            return _("The check is to be made again.") if self.is_stale else _("Not checked yet.")
        if self.missing:
            wanted = ", ".join(f"{one.count} × {Role(one.role).label}" for one in self.missing)
            return _("Signatures are missing: %(who)s.") % {"who": wanted}
        return _("Somebody who did not make or edit it has to sign.")


@dataclass(frozen=True)
class Standing:
    checklist: Checklist
    facts: Facts
    items: list[ItemStanding]

    @property
    def is_solo(self) -> bool:
        return self.facts.is_solo

    @property
    def open_items(self) -> list[ItemStanding]:
        return [item for item in self.items if not item.is_settled]

    @property
    def is_settled(self) -> bool:
        return not self.open_items

    @property
    def waived(self) -> list[ItemStanding]:
        return [item for item in self.items if item.state == ItemState.WAIVED]

    @property
    def groups(self) -> list[tuple[Group, list[ItemStanding]]]:
        return [
            (group, [self.item(item.key) for item in group.items])
            for group in self.checklist.template_version.parsed.groups
        ]

    def item(self, key: str) -> ItemStanding:
        return next(item for item in self.items if item.key == key)

    def find(self, key: str) -> ItemStanding | None:
        return next((item for item in self.items if item.key == key), None)


def of(checklist: Checklist) -> Standing:
    return of_many([checklist])[0]


def of_many(checklists: Sequence[Checklist]) -> list[Standing]:
    """In a number of queries that does not depend on how many there are."""
    prefetch_related_objects(list(checklists), "template_version", "project")
    # People may be gone: no JOIN with them, or their signatures would be gone too.
    signatures = by_item(_of(Signature, checklists).filter(withdrawn_at=None), "user")
    waivers = by_item(_of(Waiver, checklists).filter(withdrawn_at=None), "by", "owner")
    evidence = by_item(_of(Evidence, checklists), "by", "job", "run")
    projects = {checklist.project_id for checklist in checklists}
    people, shrunk = members(projects), lately.shrunk(projects)
    found = []
    for checklist in checklists:
        project = checklist.project_id
        at = checklist.settled_at or timezone.now()
        facts = Facts(checklist, people[project], at, has_shrunk=project in shrunk)
        found.append(_standing(facts, signatures, waivers, evidence))
    return found


def _of(kind: type[Row], checklists: Sequence[Checklist]) -> models.QuerySet[Row]:
    return kind._default_manager.filter(checklist__in=checklists)


Rows = Mapping[tuple[int, str], list[Row]]


def by_item(rows: models.QuerySet[Row], *related: str) -> Rows[Row]:
    found: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in rows.prefetch_related(*related):
        found[row.checklist_id, row.item].append(row)
    return found


def members(projects: Iterable[int]) -> Mapping[int, dict[int, str]]:
    """Those who may sign. A viewer only looks, and does not keep a project from being solo."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    rows = Membership.objects.filter(project__in=list(projects), user__is_active=True)
    rows = rows.exclude(role=Role.VIEWER)
    for project, user, role in rows.values_list("project", "user", "role"):
        found[project][user] = role
    return found


def _standing(
    facts: Facts,
    signatures: Rows[Signature],
    waivers: Rows[Waiver],
    evidence: Rows[Evidence],
) -> Standing:
    checklist, items = facts.checklist, []
    for item in checklist.template_version.parsed.items():
        at = (checklist.pk, item.key)
        items.append(
            _item(facts, item, signatures.get(at, []), waivers.get(at, []), evidence.get(at, []))
        )
    return Standing(checklist, facts, items)


def _item(
    facts: Facts,
    item: Item,
    signatures: Sequence[Signature],
    waivers: Sequence[Waiver],
    evidence: list[Evidence],
) -> ItemStanding:
    parts_hash = facts.checklist.parts_hash(item.depends)
    parts = facts.checklist.parts(item.depends)
    return ItemStanding(
        item=item,
        facts=facts,
        parts_hash=parts_hash,
        signatures=[row for row in signatures if counts(row, parts_hash, facts)],
        void=[
            (row, diff(row.parts, parts))
            for row in signatures
            if not counts(row, parts_hash, facts)
        ],
        waiver=_holding(waivers, parts_hash, timezone.localdate(facts.now)),
        evidence=evidence,
    )


def counts(row: Signature, parts_hash: str, facts: Facts) -> bool:
    """Of the subject as it is, and by somebody who still works here in the role of that time. What
    was settled stays, whoever leaves afterwards."""
    if row.parts_hash != parts_hash:
        return False
    role = facts.people.get(row.user_id)
    is_here = role is not None and Role(role).includes(Role(row.role))
    return is_here or not facts.checklist.is_open()


def _holding(waivers: Sequence[Waiver], parts_hash: str, today: date) -> Waiver | None:
    """The one that lasts longest."""
    valid = [row for row in waivers if row.parts_hash == parts_hash and row.until >= today]
    return max(valid, key=lambda row: row.until, default=None)


def waiting_for(user: User, project: Project) -> list[tuple[Checklist, list[ItemStanding]]]:
    """What the person can sign, of what is still open."""
    rows = Checklist.objects.filter(project=project, state=ChecklistState.OPEN)
    found = rows.select_related("run", "model_version__model")
    waiting = [
        (standing.checklist, [item for item in standing.open_items if not item.may_sign(user)])
        for standing in of_many(list(found))
    ]
    return [(checklist, items) for checklist, items in waiting if items]
