"""What the pages of checklists show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Case, Q, QuerySet, Value, When
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from llmhub.accounts import access
from llmhub.accounts.models import Project, Role, User
from llmhub.checklists import carrying, comments, standing
from llmhub.checklists.checks import KNOWN
from llmhub.checklists.items import How, Item, Part, Signer, said
from llmhub.checklists.models import (
    Checklist,
    ChecklistState,
    Comment,
    Evidence,
    EvidenceKind,
    Outcome,
    Signature,
    Waiver,
)
from llmhub.checklists.standing import ItemStanding, ItemState, Standing
from llmhub.checklists.subject import Change
from llmhub.jobs.live import project_topic
from llmhub.runs import values_tree
from llmhub.runs.states import State

PER_PAGE = 30
MOST_WAITING = 20
SHOWS = {
    "open": gettext_lazy("Open"),
    "mine": gettext_lazy("Waiting for me"),
    "all": gettext_lazy("All"),
}
PARTS = {
    Part.RECIPE: gettext_lazy("Recipe"),
    Part.DATA: gettext_lazy("Data"),
    Part.BASE_MODEL: gettext_lazy("Base model"),
    Part.CODE: gettext_lazy("Code"),
    Part.ENVIRONMENT: gettext_lazy("Environment"),
    Part.TARGET: gettext_lazy("Target"),
    Part.WEIGHTS: gettext_lazy("Weights"),
    Part.LICENCE: gettext_lazy("Licence"),
}
# Of an item that a check alone decides.
MACHINE_STATES = {
    ItemState.OPEN: gettext_lazy("Not checked"),
    ItemState.SIGNED: gettext_lazy("Passed"),
}
CLASSES: dict[str, str] = {Outcome.PASSED: "good", Outcome.FAILED: "bad", Outcome.UNKNOWN: "warn"}
HOW = {
    How.MACHINE: gettext_lazy("A check decides"),
    How.HUMAN: gettext_lazy("People decide"),
    How.BOTH: gettext_lazy("People sign once the check has passed"),
}


@dataclass(frozen=True)
class Signed:
    row: Signature
    who: str
    may_withdraw: bool
    changes: Sequence[Change] = ()

    @property
    def role(self) -> str:
        return str(Role(self.row.role).label)


@dataclass(frozen=True)
class Waived:
    row: Waiver
    title: str
    by: str
    owner: str
    may_withdraw: bool


@dataclass(frozen=True)
class Listed:
    checklist: Checklist
    standing: Standing
    # How many items wait for the person who looks.
    mine: int
    # Who else is waited for: “2 members, 1 approver”.
    waits: str

    waivers: list[Waived]

    @property
    def total(self) -> int:
        return len(self.standing.items)

    @property
    def failed(self) -> int:
        return sum(one.state == ItemState.FAILED for one in self.standing.items)

    @property
    def done(self) -> int:
        return self.total - len(self.standing.open_items)


@dataclass(frozen=True)
class Shown:
    """Evidence with what it says."""

    row: Evidence
    who: str
    # Looked at other parts than those of today.
    is_outdated: bool
    figures: list[values_tree.Row]

    @property
    def title(self) -> str:
        return check_title(self.row)

    @property
    def kind_class(self) -> str:
        return CLASSES.get(self.row.outcome, "")

    @property
    def said(self) -> str:
        """Why the check ended as it did, and what to do."""
        return " ".join(str(one) for one in self.row.explained())


@dataclass(frozen=True)
class Said:
    row: Comment
    who: str


@dataclass(frozen=True)
class ItemRow:
    of: ItemStanding
    title: str
    help: str
    proves: str
    leaves_open: str
    parts: str
    signed: list[Signed]
    void: list[Signed]
    waived: Waived | None
    evidence: list[Shown]
    comments: list[Said]
    # Why the person cannot sign; None: they can.
    why_not: str | None
    why_not_waive: str | None
    may_act: bool
    is_mine: bool

    @property
    def item(self) -> Item:
        return self.of.item

    @property
    def key(self) -> str:
        return self.of.item.key

    @property
    def is_done(self) -> bool:
        return self.of.is_settled

    @property
    def how(self) -> str:
        return str(HOW[self.item.how])

    @property
    def state_label(self) -> str:
        labels = {} if self.of.asks_people else MACHINE_STATES
        return str(labels.get(self.of.state, self.of.state.label))

    @property
    def why_open(self) -> str:
        return self.of.why_open()

    @property
    def told(self) -> str:
        """What is read out when it has changed."""
        names = ", ".join(one.who for one in self.signed)
        return f"{self.title}: {self.state_label}{f' ({names})' if names else ''}"

    @property
    def may_sign(self) -> bool:
        return self.may_act and self.why_not is None

    @property
    def may_waive(self) -> bool:
        return self.why_not_waive is None and not self.is_done

    @property
    def signers(self) -> str:
        return needed(self.of.signers)

    @property
    def attached(self) -> list[Shown]:
        return [one for one in self.evidence if one.row.kind != EvidenceKind.CHECK]

    @property
    def newest(self) -> Shown | None:
        """The newest result of the check."""
        return next((one for one in self.evidence if one.row.check_name and one.row.outcome), None)

    @property
    def job(self) -> Any:
        """Of a check under way."""
        running = (one.row for one in self.evidence if one.row.check_name and not one.row.outcome)
        return next((row.job for row in running if row.job_id), None)


@dataclass(frozen=True)
class GroupRows:
    key: str
    title: str
    rows: list[ItemRow]

    @property
    def done(self) -> int:
        return sum(row.is_done for row in self.rows)

    @property
    def signable(self) -> list[ItemRow]:
        """What waits for the person; who wants to sign more than that does so one by one."""
        return [row for row in self.rows if row.is_mine]

    @property
    def checkable(self) -> list[ItemRow]:
        return [row for row in self.rows if row.item.check]


@dataclass
class Names:
    """Of people, with one query; an erased one keeps the number."""

    ids: set[int] = field(default_factory=set)

    known: dict[int, str] = field(default_factory=dict)

    def load(self) -> None:
        found = User.objects.in_bulk(self.ids) if self.ids else {}
        self.known = {pk: str(user) for pk, user in found.items()}

    def of(self, pk: int | None) -> str:
        if pk is None:
            return _("the hub")
        return self.known.get(pk) or _("erased person #%(number)s") % {"number": pk}


def checklists() -> QuerySet[Checklist]:
    """With all that their pages name."""
    return Checklist.objects.select_related(
        "project",
        "template_version__template",
        "run",
        "model_version__model",
        "carried_from__run",
        "carried_from__model_version__model",
    )


def overview(user: User, project: Project, show: str, page: str | None) -> dict[str, Any]:
    waiting = {one.pk: items for one, items in standing.waiting_for(user, project)}
    rows = checklists().filter(project=project)
    if show == "open":
        rows = rows.filter(state=ChecklistState.OPEN)
    elif show == "mine":
        named = comments.waiting_for(user, project).values("checklist")
        rows = rows.filter(Q(pk__in=waiting) | Q(pk__in=named))
    found: Page[Checklist] = Paginator(open_first(rows), PER_PAGE).get_page(page)
    return {
        "rows": list(listed(list(found), waiting)),
        "page": found,
        "show": show,
        "shows": SHOWS,
        "topic": project_topic(project.pk),
        "any": bool(found.paginator.count) or Checklist.objects.filter(project=project).exists(),
    }


def open_first(rows: QuerySet[Checklist]) -> QuerySet[Checklist]:
    place = Case(When(state=ChecklistState.OPEN, then=Value(0)), default=Value(1))
    return rows.annotate(place=place).order_by("place", "-created_at", "-pk")


def listed(rows: list[Checklist], waiting: dict[int, list[ItemStanding]]) -> Iterator[Listed]:
    standings = standing.of_many(rows) if rows else []
    names = names_of_waivers(standings)
    for row, found in zip(rows, standings, strict=True):
        waits = most_needed(one for item in found.open_items for one in item.missing)
        yield Listed(
            row,
            found,
            len(waiting.get(row.pk, ())),
            needed(waits) if row.is_open() else "",
            [waived(one, names) for one in found.waived],
        )


def names_of_waivers(standings: Sequence[Standing]) -> Names:
    rows = [one.waiver for found in standings for one in found.waived if one.waiver]
    names = Names({pk for row in rows for pk in (row.by_id, row.owner_id)})
    names.load()
    return names


def most_needed(signers: Iterable[Signer]) -> list[Signer]:
    """Of each role as many people as the item that needs the most of them."""
    most: Counter[str] = Counter()
    for signer in signers:
        most[signer.role] = max(most[signer.role], signer.count)
    return [Signer(role=str(role), count=most[role]) for role in Role if most[role]]


def needed(signers: Iterable[Signer]) -> str:
    """“2 members, 1 approver”"""
    return ", ".join(number_of(signer) for signer in signers)


def number_of(signer: Signer) -> str:
    count = signer.count
    if signer.role == Role.ADMIN:
        return ngettext("%d admin", "%d admins", count) % count
    if signer.role == Role.APPROVER:
        return ngettext("%d approver", "%d approvers", count) % count
    return ngettext("%d member", "%d members", count) % count


def of(user: User, checklist: Checklist) -> dict[str, Any]:
    place = access.membership(user, checklist.project_id)
    found = standing.of(checklist)
    may_act = place.may(Role.MEMBER) and checklist.is_open()
    groups = list(grouped(user, checklist, found, may_act))
    rows = [row for group in groups for row in group.rows]
    return {
        "checklist": checklist,
        "subject": checklist.run or checklist.model_version,
        "standing": found,
        "groups": groups,
        "done": sum(row.is_done for row in rows),
        "total": len(rows),
        "mine": sum(row.is_mine for row in rows),
        "first_mine": next((f"item-{row.key}" for row in rows if row.is_mine), ""),
        "handles": list(comments.handles(checklist.project)) if place.may(Role.MEMBER) else [],
        "parts": parts(checklist),
        "talk": general_comments(checklist),
        "may_act": may_act,
        "may_comment": place.may(Role.MEMBER),
        "checkable": [row for row in rows if row.item.check],
        "can_carry": may_act and bool(carrying.earlier(checklist)),
        "waits_for_launch": bool(checklist.run and checklist.run.state == State.AWAITING_SIGN_OFF),
        "lede": said(checklist.template_version.parsed.lede, language()),
        "topic": project_topic(checklist.project_id),
    }


def language() -> str:
    return get_language() or "en"


def grouped(
    user: User, checklist: Checklist, found: Standing, may_act: bool
) -> Iterator[GroupRows]:
    by_key = {one.item.key: one for one in found.items}
    talk = by_item(Comment.objects.filter(checklist=checklist).exclude(item=""))
    names = names_in(found, talk)
    for group in checklist.template_version.parsed.groups:
        rows = [
            row_of(user, checklist, by_key[item.key], talk.get(item.key, []), names, may_act)
            for item in group.items
        ]
        yield GroupRows(group.key, said(group.title, language()), rows)


def by_item(rows: Iterable[Comment]) -> dict[str, list[Comment]]:
    found: dict[str, list[Comment]] = {}
    for row in rows:
        found.setdefault(row.item, []).append(row)
    return found


def names_in(found: Standing, talk: dict[str, list[Comment]]) -> Names:
    names = Names({row.user_id for rows in talk.values() for row in rows})
    for one in found.items:
        signed = [*one.signatures, *(signature for signature, _changes in one.void)]
        names.ids |= {row.user_id for row in signed}
        names.ids |= {row.by_id for row in one.evidence if row.by_id}
        if one.waiver:
            names.ids |= {one.waiver.by_id, one.waiver.owner_id}
    names.load()
    return names


def row_of(
    user: User,
    checklist: Checklist,
    one: ItemStanding,
    talk: list[Comment],
    names: Names,
    may_act: bool,
) -> ItemRow:
    item, is_open = one.item, checklist.is_open()
    why_not = one.may_sign(user)

    def mine(row: Signature) -> bool:
        return is_open and row.user_id == user.pk

    waiver = one.waiver
    return ItemRow(
        of=one,
        title=said(item.title, language()),
        help=said(item.help, language()),
        proves=proves(item),
        leaves_open=leaves_open(item),
        parts=parts_of(item),
        signed=[Signed(row, names.of(row.user_id), mine(row)) for row in one.signatures],
        void=[Signed(row, names.of(row.user_id), mine(row), changes) for row, changes in one.void],
        waived=waived(one, names, is_open and user.pk in {waiver.by_id, waiver.owner_id})
        if waiver
        else None,
        evidence=[shown(checklist, item, row, names) for row in one.evidence],
        comments=[Said(row, names.of(row.user_id)) for row in talk],
        why_not=why_not,
        why_not_waive=one.may_waive(user),
        may_act=may_act,
        is_mine=may_act and why_not is None and not one.is_settled,
    )


def waived(one: ItemStanding, names: Names, may_withdraw: bool = False) -> Waived:
    row = one.waiver
    assert row is not None
    title = said(one.item.title, language())
    return Waived(row, title, names.of(row.by_id), names.of(row.owner_id), may_withdraw)


def proves(item: Item) -> str:
    """What the template says of it, or what the check itself says."""
    check = KNOWN.get(item.check)
    return said(item.proves, language()) or (str(check.proves) if check else "")


def leaves_open(item: Item) -> str:
    check = KNOWN.get(item.check)
    return str(check.leaves_open) if check else ""


def shown(checklist: Checklist, item: Item, row: Evidence, names: Names) -> Shown:
    return Shown(
        row,
        names.of(row.by_id),
        row.parts_hash != checklist.parts_hash(item.depends),
        list(values_tree.rows(row.measured)),
    )


def parts_of(item: Item) -> str:
    return ", ".join(str(PARTS[part]) for part in item.depends)


def check_title(row: Evidence) -> str:
    check = KNOWN.get(row.check_name)
    return str(check.title) if check else row.check_name


def general_comments(checklist: Checklist) -> list[Said]:
    rows = list(Comment.objects.filter(checklist=checklist, item=""))
    names = Names({row.user_id for row in rows})
    names.load()
    return [Said(row, names.of(row.user_id)) for row in rows]


def parts(checklist: Checklist) -> list[dict[str, Any]]:
    """Of the subject, each with its hash and all that it holds."""
    return [
        {
            "name": str(PARTS[part]),
            "hash": checklist.hashes.get(part.value, ""),
            "rows": list(values_tree.rows(content))
            if isinstance(content := checklist.subject[part.value], dict | list)
            else [],
        }
        for part in Part
        if part.value in checklist.subject
    ]


def waiting(user: User, project: Project) -> dict[str, Any]:
    """What waits for the person: signatures, and comments that name them."""
    named = comments.waiting_for(user, project).select_related(
        "checklist__template_version", "checklist__run", "checklist__model_version__model"
    )
    talk = list(named[:MOST_WAITING])
    names = Names({row.user_id for row in talk})
    names.load()
    return {
        "waiting": [
            {"checklist": one, "count": len(items)}
            for one, items in standing.waiting_for(user, project)
        ],
        "named": [Said(row, names.of(row.user_id)) for row in talk],
    }


def of_subject(user: User, rows: list[Checklist]) -> list[Listed]:
    """For the part on the page of a run or of a model's version."""
    waiting = {
        row.pk: [one for one in standing.of(row).open_items if one.may_sign(user) is None]
        for row in rows
        if row.is_open()
    }
    return list(listed(rows, waiting))
