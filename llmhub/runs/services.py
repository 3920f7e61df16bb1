"""What a person may ask of a run. Asking twice does no harm; the answer says what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from llmhub.runs.attempts import End, close_open, give_up_sign_off, release
from llmhub.runs.claim import enqueue_claim
from llmhub.runs.gate import gate
from llmhub.runs.models import Attempt, Run
from llmhub.runs.states import Outcome, State, Want
from llmhub.runs.transitions import announce, lock, move

if TYPE_CHECKING:
    from llmhub.accounts.models import User

AT_WORK = frozenset({State.CLAIMED, State.STARTING, State.RUNNING})


class Effect(models.TextChoices):
    """What came of a wish; the label is the sentence for the person who had it."""

    STOPPED = "stopped", _("The run is stopped.")
    STOPPING = "stopping", _("The run writes a checkpoint at its next step and stops.")
    ASKED = "asked", _("The script is asked to end, the next time that it is heard.")
    PAUSED = "paused", _("The run is paused.")
    PAUSING = "pausing", _("The run writes a checkpoint at its next step and pauses.")
    QUEUED = "queued", _("The run is queued and goes on as soon as a worker is free.")
    GOING_ON = "going_on", _("The run goes on; the pause is taken back.")
    LAUNCHED = "launched", _("The run is signed off and queued.")
    UNCHANGED = "unchanged", _("Nothing to do: the run had moved on already.")


@transaction.atomic
def stop(run: Run) -> Effect:
    """Ends the run for good: at once where no trainer works on it, else at its next step."""
    lock(run)
    if not run.can_stop():
        return Effect.UNCHANGED
    wish = {"want": Want.STOP, "resume_on_start": False}
    if not run.is_active():
        give_up_sign_off(run)
        move(run, State.STOPPED, cause="stopped_by_person", message="", **wish)
        # That of a script which was lost is still open.
        close_open(Attempt.objects.filter(run=run), End(Outcome.LOST, "client_silent"))
        release(run)
        return Effect.STOPPED
    if run.state in AT_WORK:
        move(run, State.STOPPING, **wish)
    else:
        ask(run, **wish)
    return Effect.ASKED if run.is_external else Effect.STOPPING


@transaction.atomic
def pause(run: Run) -> Effect:
    """Frees the worker: a queued run leaves the queue, a working one ends with a checkpoint."""
    lock(run)
    if not run.can_pause():
        return Effect.UNCHANGED
    wish = {"want": Want.PAUSE, "resume_on_start": False}
    if run.state == State.QUEUED:
        move(run, State.PAUSED, cause="paused_by_person", message="", **wish)
        return Effect.PAUSED
    ask(run, **wish)
    return Effect.PAUSING


@transaction.atomic
def resume(run: Run) -> Effect:
    """Puts a paused run back into the queue, or takes back a pause that is still under way."""
    lock(run)
    if not run.can_resume():
        return Effect.UNCHANGED
    wish = {"want": Want.RUN, "resume_on_start": False}
    if run.is_active():
        ask(run, **wish)
        return Effect.GOING_ON
    move(run, State.QUEUED, queued_at=Now(), cause="", message="", **wish)
    enqueue_claim()
    return Effect.QUEUED


def launch(run: Run, user: User) -> Effect:
    """Queues a run that waited for its sign-off. Raises Refused with what is still open."""
    # By itself, so that a change of the subject stays in sight where the launch is refused.
    with transaction.atomic():
        lock(run)
        if run.state == State.AWAITING_SIGN_OFF:
            gate().asks(run, user)
    with transaction.atomic():
        lock(run)
        if run.state != State.AWAITING_SIGN_OFF:
            return Effect.UNCHANGED
        gate().launch(run, user)
        move(run, State.QUEUED, queued_at=Now(), cause="", message="", want=Want.RUN)
        enqueue_claim()
    return Effect.LAUNCHED


def ask(run: Run, **wish: object) -> None:
    """Changes what is wanted of a run whose state is for its supervisor to report."""
    Run.objects.filter(pk=run.pk).update(**wish)
    announce(run)
