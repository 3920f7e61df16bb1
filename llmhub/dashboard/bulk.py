"""What is done to the chosen rows of the runs table, and how it is told and taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from llmhub.accounts.models import Project, User
from llmhub.dashboard.models import UNDO_WITHIN, Change
from llmhub.runs import organise
from llmhub.runs.models import Run
from llmhub.runs.organise import Outcome
from llmhub.runs.said import Refused


@dataclass(frozen=True)
class Verb:
    work: Callable[[User, QuerySet[Run], str], Outcome]
    # A lazy plural: `%` chooses its form.
    done: Any
    undo: str = ""


VERBS: dict[str, Verb] = {
    "tag": Verb(
        organise.tag,
        ngettext_lazy(
            "%(n)d run has the tag “%(text)s”.", "%(n)d runs have the tag “%(text)s”.", "n"
        ),
        "untag",
    ),
    "untag": Verb(
        organise.untag,
        ngettext_lazy(
            "%(n)d run has the tag “%(text)s” no more.",
            "%(n)d runs have the tag “%(text)s” no more.",
            "n",
        ),
        "tag",
    ),
    "archive": Verb(
        organise.archive,
        ngettext_lazy("%(n)d run is archived.", "%(n)d runs are archived.", "n"),
        "unarchive",
    ),
    "unarchive": Verb(
        organise.unarchive,
        ngettext_lazy(
            "%(n)d run is out of the archive.", "%(n)d runs are out of the archive.", "n"
        ),
        "archive",
    ),
    "trash": Verb(
        organise.trash,
        ngettext_lazy("%(n)d run is in the trash.", "%(n)d runs are in the trash.", "n"),
        "restore",
    ),
    "restore": Verb(
        organise.restore,
        ngettext_lazy("%(n)d run is out of the trash.", "%(n)d runs are out of the trash.", "n"),
        "trash",
    ),
    "stop": Verb(organise.stop, ngettext_lazy("%(n)d run stops.", "%(n)d runs stop.", "n")),
    "delete": Verb(
        organise.delete,
        ngettext_lazy("%(n)d run is deleted for good.", "%(n)d runs are deleted for good.", "n"),
    ),
}


@dataclass(frozen=True)
class Said:
    """One message: what was changed, what was not, and what takes it back."""

    text: str
    level: str = "success"
    undo: Change | None = None


def do(name: str, user: User, project: Project, runs: QuerySet[Run], text: str) -> Said:
    verb = VERBS[name]
    try:
        outcome = verb.work(user, runs, text)
    except Refused as problem:
        return Said(str(problem), "error")
    return Said(
        told(verb, outcome, text),
        "success" if outcome.changed else "info",
        remembered(verb, outcome, user, project, text),
    )


def told(verb: Verb, outcome: Outcome, text: str) -> str:
    changed = len(outcome.changed)
    first = str(verb.done % {"n": changed, "text": text}) if changed else _("No run was changed.")
    left = sum(outcome.left.values())
    if not left:
        return first
    rest = ngettext(
        "%(n)d was left as it is: %(why)s.", "%(n)d were left as they are: %(why)s.", left
    )
    return f"{first} {rest % {'n': left, 'why': '; '.join(outcome.reasons)}}"


def remembered(
    verb: Verb, outcome: Outcome, user: User, project: Project, text: str
) -> Change | None:
    if not (verb.undo and outcome.changed):
        return None
    tidy()
    return Change.objects.create(
        project=project, person=user, undo=verb.undo, text=text[:200], ids=outcome.changed
    )


def undo(change: Change) -> Said:
    """At most once, also where two press the button."""
    now = timezone.now()
    if not Change.objects.undoable().filter(pk=change.pk).update(undone_at=now):
        return Said(_("This was taken back already, or too long ago."), "info")
    runs = Run.objects.filter(pk__in=change.ids)
    outcome = VERBS[change.undo].work(change.person, runs, change.text)
    return Said(told(VERBS[change.undo], outcome, change.text))


def tidy() -> None:
    Change.objects.filter(created_at__lt=timezone.now() - UNDO_WITHIN).delete()
