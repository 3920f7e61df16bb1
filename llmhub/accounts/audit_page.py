"""The audit log of a project as admins and approvers read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from llmhub.accounts import anchors
from llmhub.accounts.models import AuditEntry, Project, User
from llmhub.lib.remarks import UNFIT

PER_PAGE = 50
MAX_ABOUT = 80
MAX_VALUE = 60

ACTS: dict[str, Any] = {
    "checklist.begun": _("Checklist begun"),
    "checklist.signed": _("Item signed"),
    "checklist.withdrawn": _("Signature or waiver withdrawn"),
    "checklist.waived": _("Item waived"),
    "checklist.carried": _("Carried over from an earlier checklist"),
    "checklist.settled": _("Checklist signed off"),
    "checklist.reopened": _("Checklist opened again"),
    "evidence.added": _("Evidence added"),
    "evidence.carried": _("Evidence carried over"),
    "comment.added": _("Comment added"),
    "template.changed": _("Template of checklists changed"),
    "rule.changed": _("Launch rule changed"),
    "hypothesis.closed": _("Hypothesis closed"),
    "hypothesis.reopened": _("Hypothesis opened again"),
    "run.edited": _("Run edited"),
    "run.launched": _("Run launched"),
    "version.promoted": _("Version promoted"),
}
# By kind of object: how it is called, and the page of it, which has its number in the address.
KINDS: dict[str, tuple[Any, str]] = {
    "checklist": (_("Checklist"), "checklist"),
    "hypothesis": (_("Hypothesis"), "hypothesis"),
    "run": (_("Run"), "run"),
    "version": (_("Model version"), ""),
    "template": (_("Template"), ""),
    "project": (_("Project"), ""),
}


@dataclass(frozen=True)
class Row:
    entry: AuditEntry
    # Empty: erased.
    person: str

    @property
    def act(self) -> Any:
        return ACTS.get(self.entry.act, self.entry.act)

    @property
    def about(self) -> str:
        kind, _colon, number = self.entry.about.partition(":")
        title, _page = KINDS.get(kind, (kind, ""))
        return f"{title} {number}"

    @property
    def url(self) -> str:
        kind, _colon, number = self.entry.about.partition(":")
        _title, page = KINDS.get(kind, ("", ""))
        try:
            return reverse(page, args=[int(number)]) if page else ""
        except (NoReverseMatch, ValueError):
            return ""

    @property
    def facts(self) -> list[tuple[str, str]]:
        return [(name, brief(value)) for name, value in self.entry.data.items()]


def brief(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def context(project: Project, asked: QueryDict) -> dict[str, Any]:
    about = asked.get("about", "").strip()[:MAX_ABOUT]
    person, act = asked.get("person", ""), asked.get("act", "")
    found = filtered(project, about, person, act)
    page = Paginator(found, PER_PAGE).get_page(asked.get("page"))
    people = names(page)
    return {
        "page": page,
        "rows": [Row(entry, people.get(entry.user_id or 0, "")) for entry in page],
        "about": about,
        "person": person,
        "act": act,
        "acts": ACTS.items(),
        "people": choices(project, person),
        "is_filtered": bool(about or person or act),
        "head": anchors.head(project.pk),
        "is_cut": anchors.is_cut(project.pk),
    }


def filtered(project: Project, about: str, person: str, act: str) -> QuerySet[AuditEntry]:
    """Newest first; what cannot be is nothing."""
    rows = project.audit.order_by("-number")
    if UNFIT.search(about + act):
        return rows.none()
    if about:
        rows = rows.filter(about=about)
    if act:
        rows = rows.filter(act=act)
    if person:
        rows = rows.filter(user_id=int(person)) if is_number(person) else rows.none()
    return rows


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def names(entries: Iterable[AuditEntry] | Page[AuditEntry]) -> dict[int, str]:
    numbers = {entry.user_id for entry in entries if entry.user_id}
    return {user.pk: str(user) for user in User.objects.filter(pk__in=numbers)}


def choices(project: Project, chosen: str) -> list[tuple[str, str]]:
    """Who is in the project, and whoever is chosen: they may have left."""
    places = project.memberships.select_related("user").order_by("user__name", "user__email")
    found = [(str(place.user_id), str(place.user)) for place in places]
    if is_number(chosen) and chosen not in dict(found):
        user = User.objects.filter(pk=int(chosen)).first()
        found.append((chosen, str(user or f"#{chosen}")))
    return found
