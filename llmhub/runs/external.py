"""Runs that a script of the team logs with `llmhub.client`, on a machine that the hub knows not.

Such a run is at work as soon as it is there. Its attempt has no worker; it stays open while the
script is silent, however long, so that the same attempt goes on when the script is heard again or
its journal is sent at last. See docs/decisions/0010-external-runs.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from llmhub.accounts.models import hash_secret, new_secret
from llmhub.runs import attempts, said, transitions
from llmhub.runs.attempts import End
from llmhub.runs.models import Attempt, Run
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import Outcome, State, Want
from llmhub.runs.transitions import lock, move

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

# The client says that it is there every 15 seconds; points say it too.
LEASE = timedelta(seconds=60)
# What comes sooner after the last sign of life need not be noted.
NOTED_EVERY = timedelta(seconds=2)


@dataclass(frozen=True)
class Wish:
    """What a script asks for; what it leaves out stays as it is where it resumes a run."""

    name: str | None = None
    config: Mapping[str, Any] | None = None
    tags: list[str] | None = None
    notes: str | None = None
    # The id of an earlier run, to go on with it.
    resume: int | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Begun:
    run: Run
    attempt: Attempt
    # Shown once; it opens what concerns this attempt and nothing else.
    secret: str
    # How far the run had come; None of a new one.
    resumed_step: int | None = None


@dataclass(frozen=True)
class Ending:
    outcome: Outcome
    message: str = ""
    # As the client counted what was logged, sent and acknowledged.
    receipt: Mapping[str, Any] = field(default_factory=dict)


def begin(user: User, project: Project, wish: Wish) -> Begun:
    """A run that is at work, and the attempt that speaks for it. Raises LaunchRefused.

    The caller has checked that `user` may launch in `project`.
    """
    try:
        given = stored(wish)
    except said.Refused as refused:
        raise LaunchRefused(refused.errors) from refused
    parent = None
    if wish.resume is not None:
        parent = resumable(project, wish.resume)
        begun = go_on(parent, given)
        if begun:
            return begun
        # What is over stays over: the rest is a run of its own, that points at the first.
        given = {"name": parent.name, "config": parent.config, "tags": parent.tags, **given}
    row = Run(
        project=project,
        created_by=user,
        parent=parent,
        idempotency_key=wish.idempotency_key or None,
        **({"name": default_name(), "config": {}} | given),
    )
    return start_once(row, given)


def stored(wish: Wish) -> dict[str, Any]:
    """The columns that a wish says something of."""
    given: dict[str, Any] = {}
    if name := said.name(wish.name or ""):
        given["name"] = name
    if wish.config is not None:
        given["config"] = said.storable("config", dict(wish.config))
    if wish.tags is not None:
        given["tags"] = said.tags(wish.tags)
    if wish.notes is not None:
        given["notes"] = said.notes(wish.notes)
    return given


def default_name() -> str:
    return timezone.now().strftime("run %Y-%m-%d %H:%M")


def resumable(project: Project, run_id: int) -> Run:
    run = Run.objects.filter(project=project, pk=run_id).first()
    if run is None:
        raise LaunchRefused({"resume": [_("There is no such run in this project.")]})
    if not run.is_external:
        reason = _("Run %(run)s is trained by a worker of the hub: no script can go on with it.")
        raise LaunchRefused({"resume": [reason % {"run": run.pk}]})
    return run


@transaction.atomic
def go_on(run: Run, given: dict[str, Any]) -> Begun | None:
    """A new attempt, which makes all earlier ones stale; None where the run is over."""
    lock(run)
    if run.is_over():
        return None
    attempts.close_open(Attempt.objects.filter(run=run), End(Outcome.LOST, "replaced"))
    told = {"cause": "", "message": "", "want": Want.RUN, **given}
    move(run, State.RUNNING, fence=F("fence") + 1, **told)
    run.refresh_from_db()
    attempt, secret = open_attempt(run)
    return Begun(run, attempt, secret, run.step)


def start_once(row: Run, given: dict[str, Any]) -> Begun:
    """The same key with the same wish gives the same run, also when both come at once."""
    earlier = begun_with(row, given)
    if earlier:
        return again(earlier)
    try:
        return start(row)
    except IntegrityError:
        earlier = begun_with(row, given)
        if earlier is None:
            raise
        return again(earlier)


def begun_with(row: Run, given: dict[str, Any]) -> Run | None:
    if not row.idempotency_key:
        return None
    known = Run.objects.filter(project_id=row.project_id, idempotency_key=row.idempotency_key)
    earlier = known.first()
    if earlier is None:
        return None
    same = {"parent_id": row.parent_id} | {
        name: value for name, value in given.items() if name in {"name", "config"}
    }
    if not earlier.is_external or any(getattr(earlier, name) != same[name] for name in same):
        reason = _("This key already launched run %(run)s with other values.")
        raise LaunchRefused({"idempotency_key": [reason % {"run": earlier.pk}]})
    return earlier


@transaction.atomic
def start(row: Run) -> Begun:
    row.state, row.fence = State.RUNNING, 1
    row.started_at = timezone.now()
    row.step = row.parent.step if row.parent else 0
    row.save()
    attempt, secret = open_attempt(row)
    transitions.announce(row)
    return Begun(row, attempt, secret, row.step if row.parent else None)


@transaction.atomic
def again(run: Run) -> Begun:
    """The answer got lost, and with it the secret, of which the hub knows only the hash."""
    lock(run)
    attempt = run.attempts.order_by("-number")[0]
    secret = new_secret()
    Attempt.objects.filter(pk=attempt.pk).update(secret_hash=hash_secret(secret))
    attempt.refresh_from_db()
    return Begun(run, attempt, secret, run.parent.step if run.parent else None)


def open_attempt(run: Run) -> tuple[Attempt, str]:
    secret = new_secret()
    attempt = Attempt.objects.create(
        run=run,
        number=run.attempts.count() + 1,
        fence=run.fence,
        secret_hash=hash_secret(secret),
        claimed_at=Now(),
        started_at=Now(),
        lease_expires_at=Now() + LEASE,
        resumed_from_step=run.step or None,
    )
    attempt.refresh_from_db()
    return attempt, secret


@transaction.atomic
def beat(attempt: Attempt) -> Want | None:
    """Renews the lease and answers what is wanted of the run; None when the attempt is stale."""
    run = attempt.run
    lock(run)
    if not speaks(attempt, run):
        return None
    renewed = Attempt.objects.open().filter(pk=attempt.pk)
    if not renewed.update(lease_expires_at=Now() + LEASE):
        return None
    if run.is_silent:
        back = State.STOPPING if run.want == Want.STOP else State.RUNNING
        move(run, back, cause="", message="")
    else:
        transitions.announce(run)
    return Want(run.want)


def speaks(attempt: Attempt, run: Run) -> bool:
    """Also while it counts as lost."""
    return run.is_external and attempt.fence == run.fence and not run.is_over()


def hear(attempt: Attempt) -> None:
    """Whatever a script sends is a sign of life. Costs a query where the last one is young."""
    if not attempt.run.is_external or attempt.ended_at is not None:
        return
    due = Now() + LEASE - NOTED_EVERY
    if Attempt.objects.filter(pk=attempt.pk, lease_expires_at__lt=due).exists():
        beat(attempt)


def advance(attempt: Attempt, step: int) -> None:
    """Nobody but the points says how far an external run is."""
    run = attempt.run
    if run.is_external:
        Run.objects.filter(pk=run.pk, fence=attempt.fence, step__lt=step).update(step=step)


@transaction.atomic
def tell(
    attempt: Attempt,
    tags: list[str] | None = None,
    notes: str | None = None,
    summary: Mapping[str, Any] | None = None,
) -> bool:
    """Changes what the team reads of the run; False when the attempt is stale. Raises Refused.

    Values of the summary are added to those that are there; None takes one away.
    """
    run = attempt.run
    lock(run)
    if not run.is_external or attempt.fence != run.fence:
        return False
    changes: dict[str, Any] = {}
    if tags is not None:
        changes["tags"] = said.tags(tags)
    if notes is not None:
        changes["notes"] = said.notes(notes)
    if summary is not None:
        whole = {
            name: value for name, value in (run.summary | summary).items() if value is not None
        }
        changes["summary"] = said.storable("summary", whole)
    if changes:
        Run.objects.filter(pk=run.pk).update(**changes)
        transitions.announce(run)
    return True


@transaction.atomic
def finish(attempt: Attempt, ending: Ending) -> bool:
    """Ends the run for good; False when the attempt is stale. Saying the same twice is fine."""
    receipt = said.storable("receipt", dict(ending.receipt))
    run = attempt.run
    lock(run)
    if speaks(attempt, run):
        Attempt.objects.open().filter(pk=attempt.pk).update(receipt=receipt)
        if run.is_silent:
            beat(attempt)
    is_stopped = run.want == Want.STOP and not run.is_over()
    outcome = Outcome.STOPPED if is_stopped else ending.outcome
    cause = "script_failed" if outcome == Outcome.FAILED else ""
    if attempts.end(attempt, End(outcome, cause, ending.message)):
        return True
    # Said before, and stopped by a person then.
    return Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.STOPPED).exists()


def lose(attempt: Attempt) -> bool:
    """Nothing was heard for long. Nobody may start it again but its script; so it waits."""
    run = attempt.run
    if run.want == Want.STOP:
        return attempts.end(attempt, End(Outcome.LOST, "client_silent"))
    return move(run, State.LOST, cause="client_silent", message="")
