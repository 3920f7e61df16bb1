"""What an attempt tells the hub, and what the hub makes of it.

Only the attempt that carries the run's fence speaks for the run; all others are stale. Every
verb locks the run first and the attempt after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Coalesce, Now

from llmhub.runs import inputs, predictions
from llmhub.runs.causes import NEVER_STARTED
from llmhub.runs.claim import LEASE, enqueue_claim
from llmhub.runs.gate import gate
from llmhub.runs.models import Attempt, AttemptQuerySet, Run
from llmhub.runs.states import Outcome, State, Want
from llmhub.runs.transitions import lock, move


@dataclass(frozen=True)
class End:
    """How an attempt ended."""

    outcome: Outcome
    cause: str = ""
    message: str = ""
    step: int | None = None
    exit_code: int | None = None
    # {"seconds", "tokens", "peak_bytes"} of the trainer, where it could tell.
    used: Mapping[str, float] = field(default_factory=dict)


@transaction.atomic
def beat(
    attempt: Attempt, reported: State, step: int, total_steps: int | None = None
) -> Want | None:
    """Renews the lease and answers what is wanted of the run; None when the attempt is stale.

    `total_steps`: as the trainer counts them, which has read the rows.
    """
    run = attempt.run
    lock(run)
    if not speaks(attempt, run):
        return None
    if not renew(attempt):
        return None
    state = State.STOPPING if run.want == Want.STOP else reported
    total = run.total_steps if total_steps is None else total_steps
    if (state, step, total) != (run.state, run.step, run.total_steps):
        move(run, state, step=step, total_steps=total, **first_start(run, state))
    return Want(run.want)


def speaks(attempt: Attempt, run: Run) -> bool:
    return attempt.fence == run.fence and run.is_active()


def renew(attempt: Attempt) -> bool:
    return bool(
        Attempt.objects.open()
        .filter(pk=attempt.pk)
        .update(lease_expires_at=Now() + LEASE, started_at=Coalesce("started_at", Now()))
    )


def first_start(run: Run, state: State) -> dict[str, Any]:
    return {"started_at": Now()} if state == State.RUNNING and run.started_at is None else {}


@transaction.atomic
def end(attempt: Attempt, how: End) -> bool:
    """Closes the attempt and settles what becomes of its run; False when the attempt is stale.

    Reporting the same end twice is fine: an answer may get lost on its way.
    """
    run = attempt.run
    lock(run)
    if not speaks(attempt, run) or not close(attempt, how):
        return Attempt.objects.filter(pk=attempt.pk, outcome=how.outcome).exists()
    state = what_follows(run, how.outcome)
    step = run.step if how.step is None else how.step
    move(run, state, step=step, **why(run, state, how), **wish(state, how))
    predictions.compare(run, how.used)
    release(run)
    wake_next()
    return True


def release(run: Run) -> None:
    """What waits for the best checkpoint of this run may begin, or never will."""
    if not run.is_over() or (run.state == State.SUCCEEDED and inputs.find(run, step=None)):
        return
    said = {"cause": "upstream_failed", "message": f"{run.name} (#{run.pk})"}
    # Always the oldest first: whoever else holds several runs takes them in this order too.
    for waiting in Run.objects.filter(pk__in=inputs.waiting_for(run)).order_by("pk"):
        lock(waiting)
        if not waiting.is_over():
            give_up_sign_off(waiting)
            move(waiting, State.STOPPED, want=Want.STOP, resume_on_start=False, **said)


def give_up_sign_off(run: Run) -> None:
    """Of a run that is about to be stopped: nobody needs to sign for it any more."""
    if run.state == State.AWAITING_SIGN_OFF:
        gate().closed(run)


def close(attempt: Attempt, how: End) -> bool:
    return bool(close_open(Attempt.objects.filter(pk=attempt.pk), how))


def close_open(attempts: AttemptQuerySet, how: End) -> int:
    """Of these attempts; returns how many were open."""
    return attempts.open().update(
        ended_at=Now(),
        outcome=how.outcome,
        cause=how.cause,
        message=how.message,
        exit_code=how.exit_code,
    )


def what_follows(run: Run, outcome: Outcome) -> State:
    if outcome in {Outcome.SUCCEEDED, Outcome.FAILED, Outcome.STOPPED}:
        return State(outcome)
    if run.want == Want.STOP:
        return State.STOPPED
    if run.want == Want.PAUSE:
        return State.PAUSED
    # A pause that was taken back while it was under way, or the machine's fault.
    if outcome != Outcome.PAUSED and is_given_up(run):
        return State.FAILED
    return State.QUEUED


def is_given_up(run: Run) -> bool:
    """Failed again and again without a checkpoint that is further than all before it."""
    furthest = run.checkpoints.order_by("-step", "attempt__number").first()
    progressed = furthest.attempt.number if furthest else 0
    failures = run.attempts.failed_by_machine().filter(number__gt=progressed)
    return failures.count() >= settings.MAX_ATTEMPTS


def why(run: Run, state: State, how: End) -> dict[str, str]:
    """What the page says about the new state."""
    cause, message = how.cause, how.message
    if state == State.PAUSED:
        cause = "hub_shutdown" if run.resume_on_start else "paused_by_person"
    elif state == State.STOPPED and run.want == Want.STOP:
        cause = "stopped_by_person"
    elif state == State.FAILED and how.outcome != Outcome.FAILED:
        cause, message = "gave_up", f"{how.cause}: {how.message}" if how.message else how.cause
    return {"cause": cause, "message": message}


def wish(state: State, how: End) -> dict[str, Any]:
    """A run that waits in the queue is wanted to run; one that is over is not to be resumed."""
    if state == State.QUEUED:
        # `queued_at` stays: work that was interrupted goes before work that has not begun. But a
        # run that can never be started must not stand in the way of all others.
        last = {"queued_at": Now()} if how.cause == NEVER_STARTED else {}
        return {"want": Want.RUN, **last}
    return {} if state == State.PAUSED else {"resume_on_start": False}


def wake_next() -> None:
    """A slot is free again."""
    if Run.objects.filter(state=State.QUEUED).exists():
        enqueue_claim()
