"""What people do with a hypothesis; everything leaves a line in its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from llmhub.accounts import audit
from llmhub.research import evidence, linking
from llmhub.research.linking import tell
from llmhub.research.models import Act, Event, Hypothesis, Part, State

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User
    from llmhub.runs.models import Run

# What a person writes of it.
WRITTEN = ("statement", "notes", "track", "metric", "direction", "reading", "threshold", "owner")


class Stale(Exception):
    """Somebody else has changed it since the person read it; holds it as it is now."""

    def __init__(self, latest: Hypothesis) -> None:
        super().__init__(latest.pk)
        self.latest = latest


class Closed(Exception):
    """It has a conclusion already; holds it as it is now."""

    def __init__(self, latest: Hypothesis) -> None:
        super().__init__(latest.pk)
        self.latest = latest


class Unchanged(Exception):
    """There is nothing to save."""


@transaction.atomic
def write(
    project: Project, user: User, values: Mapping[str, Any], runs: Iterable[Run] = ()
) -> Hypothesis:
    """A new one; `runs` become variants of it."""
    made = Hypothesis.objects.create(project=project, created_by=user, **values)
    note(made, Act.WRITTEN, user)
    linking.link(made, runs, user, Part.VARIANT)
    return made


@transaction.atomic
def edit(found: Hypothesis, user: User, values: Mapping[str, Any], base: int) -> None:
    """Raises Stale and Unchanged."""
    held = hold(found, base)
    before = {name: getattr(held, name) for name in WRITTEN}
    changes = {name: value for name, value in values.items() if before[name] != value}
    if not changes:
        raise Unchanged
    save(held, **changes)
    told = {name: [plain(before[name]), plain(value)] for name, value in changes.items()}
    note(held, Act.EDITED, user, **told)


@transaction.atomic
def close(found: Hypothesis, user: User, state: State, conclusion: str, base: int) -> None:
    """With the figures of this moment, which stay when the runs go. Raises Closed and Stale."""
    held = hold(found)
    if not held.is_open():
        raise Closed(held)
    check(held, base)
    figures = evidence.of(held).told()
    save(
        held,
        state=state,
        conclusion=conclusion,
        concluded_by=user,
        concluded_at=timezone.now(),
    )
    note(held, Act(state.value), user, conclusion=conclusion, figures=figures)
    audit.record(
        held.project_id, user, "hypothesis.closed", f"hypothesis:{held.pk}", state=state.value
    )


@transaction.atomic
def reopen(found: Hypothesis, user: User) -> bool:
    """False where it is open already. What was concluded stays in its history."""
    held = hold(found)
    if held.is_open():
        return False
    was = held.state
    save(held, state=State.OPEN, conclusion="", concluded_by=None, concluded_at=None)
    note(held, Act.REOPENED, user)
    audit.record(held.project_id, user, "hypothesis.reopened", f"hypothesis:{held.pk}", was=was)
    return True


@transaction.atomic
def archive(found: Hypothesis, user: User, archived: bool) -> None:
    """Out of the way, or back again; nothing else changes."""
    held = hold(found)
    if bool(held.archived_at) != archived:
        save(held, archived_at=timezone.now() if archived else None)
        note(held, Act.ARCHIVED if archived else Act.RESTORED, user)


def hold(found: Hypothesis, base: int | None = None) -> Hypothesis:
    """The row as it is now, until the transaction ends; Stale where it is not as the person saw."""
    rows = Hypothesis.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    held = rows.get(pk=found.pk)
    if base is not None:
        check(held, base)
    return held


def check(held: Hypothesis, base: int) -> None:
    if held.revision != base:
        raise Stale(held)


def save(held: Hypothesis, **values: Any) -> None:
    for name, value in values.items():
        setattr(held, name, value)
    held.revision += 1
    held.save(update_fields=[*values, "revision"])
    tell(held)


def note(found: Hypothesis, act: Act, user: User, **data: Any) -> None:
    Event.objects.create(hypothesis=found, act=act, by=user, data=data)


def plain(value: Any) -> Any:
    """As JSON: of a person the number, never the name, since a person can be erased."""
    return getattr(value, "pk", value)
