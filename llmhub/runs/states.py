"""The states of a run, and which may follow which. A database trigger holds the terminal ones."""

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

# Nothing but the claim of a queued run leads to `claimed`.
_GOES_ON = ACTIVE - {State.CLAIMED}
_ENDS = TERMINAL | {State.PAUSED, State.LOST, State.QUEUED}

NEXT: dict[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.AWAITING_SIGN_OFF, State.QUEUED, State.STOPPED}),
    State.AWAITING_SIGN_OFF: frozenset({State.QUEUED, State.STOPPED}),
    State.QUEUED: frozenset({State.AWAITING_SIGN_OFF, State.CLAIMED, State.PAUSED, State.STOPPED}),
    State.CLAIMED: _GOES_ON | _ENDS,
    State.STARTING: _GOES_ON | _ENDS,
    State.RUNNING: _GOES_ON | _ENDS,
    State.UNREACHABLE: _GOES_ON | _ENDS,
    State.STOPPING: _GOES_ON | _ENDS,
    State.PAUSED: frozenset({State.QUEUED, State.STOPPED}),
    # The script of an external run may be heard again after days, or be started again.
    State.LOST: TERMINAL | {State.QUEUED, State.RUNNING, State.STOPPING},
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.STOPPED: frozenset(),
}


def may_follow(state: State) -> list[State]:
    """The states from which a run may come into `state`."""
    return [before for before, after in NEXT.items() if state in after]
