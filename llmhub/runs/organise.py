"""What a team does with many runs at once: tags, notes, the archive, the trash, stopping.

Every verb takes runs of any projects and changes those that the person may change and that can be
changed; the `Outcome` says which, and why others were left as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.functions import Now
from django.utils.translation import ngettext_lazy

from llmhub.accounts.models import Membership, Role, User
from llmhub.jobs import outbox
from llmhub.jobs.live import project_topic, publish
from llmhub.lib import remarks
from llmhub.runs import said, services
from llmhub.runs.models import Run, RunInput, Worker
from llmhub.runs.states import TERMINAL

MOST_AT_ONCE = 10_000
IN_TRASH = timedelta(days=30)
# The chore deletes so many runs at once.
DELETED_AT_ONCE = 20
# Something was said on its checklist, and the audit log speaks of that: neither goes. The database
# refuses it too.
SIGNED_FOR = (
    Q(checklists__state="settled")
    | Q(checklists__signature_set__isnull=False)
    | Q(checklists__waiver_set__isnull=False)
    | Q(checklists__evidence_set__isnull=False)
)
REMOVE_FILES = "workers.tasks.remove_run"


class Left(models.TextChoices):
    """Why a run was left as it is."""

    FORBIDDEN = "forbidden"
    NOT_OVER = "not_over"
    OVER = "over"
    SAME = "same"
    FULL = "full"
    USED = "used"


# Lazy plurals: `%` chooses their form.
WHY: dict[Left, Any] = {
    Left.FORBIDDEN: ngettext_lazy(
        "%(n)d is not yours to change", "%(n)d are not yours to change", "n"
    ),
    Left.NOT_OVER: ngettext_lazy(
        "%(n)d is not over: stop it first", "%(n)d are not over: stop them first", "n"
    ),
    Left.OVER: ngettext_lazy("%(n)d was over already", "%(n)d were over already", "n"),
    Left.SAME: ngettext_lazy("%(n)d was so already", "%(n)d were so already", "n"),
    Left.FULL: ngettext_lazy(
        "%(n)d has as many tags as a run can have", "%(n)d have as many tags as a run can have", "n"
    ),
    Left.USED: ngettext_lazy(
        "%(n)d is kept because other runs or models come from it, or for its checklist",
        "%(n)d are kept because other runs or models come from them, or for their checklists",
        "n",
    ),
}


@dataclass
class Outcome:
    changed: list[int] = field(default_factory=list)
    left: Counter[Left] = field(default_factory=Counter)

    @property
    def reasons(self) -> list[str]:
        return [str(WHY[why] % {"n": count}) for why, count in self.left.items() if count]


Judge = Callable[[Run], "Left | None"]


@transaction.atomic
def tag(user: User, runs: QuerySet[Run], text: str) -> Outcome:
    """Raises said.Refused."""
    [word] = said.tags([text])

    def judge(run: Run) -> Left | None:
        if word in run.tags:
            return Left.SAME
        return Left.FULL if len(run.tags) >= remarks.MAX_TAGS else None

    added = Func(F("tags"), Value(word), function="array_append")
    return change(user, runs, judge, tags=added)


@transaction.atomic
def untag(user: User, runs: QuerySet[Run], text: str) -> Outcome:
    rest = Func(F("tags"), Value(text), function="array_remove")
    return change(user, runs, lambda run: None if text in run.tags else Left.SAME, tags=rest)


@transaction.atomic
def archive(user: User, runs: QuerySet[Run], text: str = "") -> Outcome:
    """Out of the way, and as it was: an archived run may even go on."""
    return change(user, runs, lambda run: Left.SAME if run.archived_at else None, archived_at=Now())


@transaction.atomic
def unarchive(user: User, runs: QuerySet[Run], text: str = "") -> Outcome:
    return change(user, runs, lambda run: None if run.archived_at else Left.SAME, archived_at=None)


@transaction.atomic
def trash(user: User, runs: QuerySet[Run], text: str = "") -> Outcome:
    """Runs that are over. They can be had back until they are deleted for good."""

    def judge(run: Run) -> Left | None:
        if run.trashed_at:
            return Left.SAME
        return None if run.is_over() else Left.NOT_OVER

    return change(user, runs, judge, trashed_at=Now())


@transaction.atomic
def restore(user: User, runs: QuerySet[Run], text: str = "") -> Outcome:
    return change(user, runs, lambda run: None if run.trashed_at else Left.SAME, trashed_at=None)


def stop(user: User, runs: QuerySet[Run], text: str = "") -> Outcome:
    """One run after the other: each is locked only while it is told."""
    mine, outcome = allowed(user, runs)
    over = Q(state__in=TERMINAL)
    outcome.left[Left.OVER] = mine.filter(over).count()
    for run in mine.exclude(over):
        if services.stop(run) == services.Effect.UNCHANGED:
            outcome.left[Left.SAME] += 1
        else:
            outcome.changed.append(run.pk)
    return outcome


@transaction.atomic
def delete(user: User, runs: QuerySet[Run], text: str = "") -> Outcome:
    """For good, and only what lies in the trash."""
    mine, outcome = allowed(user, runs)
    for run in mine.filter(trashed_at__isnull=False).order_by("-pk"):
        delete_one(run, outcome)
    tell(mine)
    return outcome


@transaction.atomic
def set_tags(run: Run, texts: Iterable[str]) -> None:
    """All of them at once; raises said.Refused."""
    run.tags = said.tags(texts)
    Run.objects.filter(pk=run.pk).update(tags=run.tags)
    tell(Run.objects.filter(pk=run.pk))


@transaction.atomic
def set_notes(run: Run, text: str) -> None:
    """Raises said.Refused."""
    run.notes = said.notes(text.replace("\r\n", "\n").strip())
    Run.objects.filter(pk=run.pk).update(notes=run.notes)
    tell(Run.objects.filter(pk=run.pk))


def allowed(user: User, runs: QuerySet[Run]) -> tuple[QuerySet[Run], Outcome]:
    """Of the runs that the person sees, those that they may change."""
    able = [role for role in Role if role.includes(Role.MEMBER)]
    places = Membership.objects.filter(user=user)
    seen = dict(
        runs.filter(project__in=places.values("project"))
        .order_by("pk")
        .values_list("pk", "project_id")[:MOST_AT_ONCE]
    )
    mine = set(places.filter(role__in=able).values_list("project_id", flat=True))
    ids = [pk for pk, project in seen.items() if project in mine]
    outcome = Outcome(left=Counter({Left.FORBIDDEN: len(seen) - len(ids)}))
    return Run.objects.filter(pk__in=ids).order_by("pk"), outcome


def change(user: User, runs: QuerySet[Run], judge: Judge, **values: object) -> Outcome:
    """One UPDATE of the rows that `judge` finds nothing against, locked in one order."""
    mine, outcome = allowed(user, runs)
    needed = ("pk", "state", "tags", "archived_at", "trashed_at", "project_id")
    for run in mine.only(*needed).select_for_update(no_key=True):
        why = judge(run)
        if why:
            outcome.left[why] += 1
        else:
            outcome.changed.append(run.pk)
    changed = Run.objects.filter(pk__in=outcome.changed)
    changed.update(**values)
    tell(changed)
    return outcome


def tell(runs: QuerySet[Run]) -> None:
    """Pages that show rows of these projects fetch them again."""
    for project_id in set(runs.order_by().values_list("project_id", flat=True)):
        publish(project_topic(project_id), {"type": "organised"})


def delete_one(run: Run, outcome: Outcome) -> None:
    # The row is locked, so that nothing can begin to come from it meanwhile.
    Run.objects.select_for_update().filter(pk=run.pk).first()
    if is_used(run):
        outcome.left[Left.USED] += 1
        return
    holders = Worker.objects.filter(attempts__run=run).distinct().values_list("name", flat=True)
    for name in holders:
        outbox.enqueue(REMOVE_FILES, [run.pk], queue=f"node.{name}")
    outcome.changed.append(run.pk)
    run.delete()


def is_used(run: Run) -> bool:
    """What people signed for stays, with all that they signed."""
    is_source = RunInput.objects.filter(source=run).exists()
    is_signed_for = Run.objects.filter(SIGNED_FOR, pk=run.pk).exists()
    return is_source or is_signed_for or run.model_versions.exists()


def empty_trash() -> int:
    """Deletes what has lain in the trash long enough, the youngest runs first: what a run starts
    from can go once the run is gone. What models come from stays, and what was signed for."""
    old = Run.objects.filter(trashed_at__lt=Now() - IN_TRASH, outputs=None, model_versions=None)
    old = old.exclude(SIGNED_FOR)
    outcome = Outcome()
    for pk in list(old.order_by("-pk").values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        with transaction.atomic():
            run = old.select_for_update(of=("self",)).filter(pk=pk).first()
            if run:
                delete_one(run, outcome)
    return len(outcome.changed)
