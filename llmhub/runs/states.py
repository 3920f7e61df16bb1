"""The states of a run, and which may follow which. The database trigger holds terminal states too."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    DRAFT = "draft", _("Draft")
    AWAITING_SIGN_OFF = "awaiting_sign_off", _("Awaiting sign-off")
    QUEUED = "queued", _("Queued")
    CLAIMED = "claimed", _("Claimed")
    STARTING = "starting", _("Starting")
    RUNNING = "running", _("Running")
    UNREACHABLE = "unreachable", _("Unreachable")
    STOPPING = "stopping", _("Stopping")
    PAUSED = "paused", _("Paused")
    LOST = "lost", _("Lost")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    STOPPED = "stopped", _("Stopped")


class Want(models.TextChoices):
    """What a person wants of a run; the supervisor's heartbeat carries it to the trainer."""

    RUN = "run", _("Run")
    PAUSE = "pause", _("Pause")
    STOP = "stop", _("Stop")


class Outcome(models.TextChoices):
    """How an attempt ended."""

    SUCCEEDED = "succeeded", _("Succeeded")
    STOPPED = "stopped", _("Stopped")
    PAUSED = "paused", _("Paused")
    FAILED = "failed", _("Failed")
    KILLED = "killed", _("Killed")
    LOST = "lost", _("Lost")


TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.STOPPED})
# An attempt is alive on a worker, or was when it was last heard of.
ACTIVE = frozenset(
    {State.CLAIMED, State.STARTING, State.RUNNING, State.UNREACHABLE, State.STOPPING}
)

NEXT: dict[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.AWAITING_SIGN_OFF, State.QUEUED, State.STOPPED}),
    State.AWAITING_SIGN_OFF: frozenset({State.QUEUED, State.STOPPED}),
    State.QUEUED: frozenset({State.CLAIMED, State.PAUSED, State.STOPPED}),
    State.CLAIMED: ACTIVE | TERMINAL | {State.PAUSED, State.LOST, State.QUEUED},
    State.STARTING: ACTIVE | TERMINAL | {State.PAUSED, State.LOST, State.QUEUED},
    State.RUNNING: ACTIVE | TERMINAL | {State.PAUSED, State.LOST, State.QUEUED},
    State.UNREACHABLE: ACTIVE | TERMINAL | {State.PAUSED, State.LOST, State.QUEUED},
    State.STOPPING: ACTIVE | TERMINAL | {State.PAUSED, State.LOST, State.QUEUED},
    State.PAUSED: frozenset({State.QUEUED, State.STOPPED}),
    State.LOST: frozenset({State.QUEUED, State.FAILED, State.STOPPED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.STOPPED: frozenset(),
}


def may_follow(state: State) -> list[State]:
    """The states from which a run may come into `state`."""
    return [before for before, after in NEXT.items() if state in after]
