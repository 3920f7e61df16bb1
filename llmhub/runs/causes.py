"""Why a run is where it is: what happened, and what a person can do about it.

Trainers and supervisors report a code; the words of the machine stand in `message` beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# A worker took the run, but nothing was ever done to it: it is as good as new.
NEVER_STARTED = "never_started"
# What would be trained is not what was signed off.
SUBJECT_CHANGED = "subject_changed"


@dataclass(frozen=True)
class Cause:
    title: Promise | str
    # Empty where there is nothing to do.
    advice: Promise | str = ""


CAUSES: dict[str, Cause] = {
    # A person's wish, or the hub's.
    "stopped_by_person": Cause(
        _("Stopped by a person."), _("“Launch again” starts a new run with the same values.")
    ),
    "paused_by_person": Cause(
        _("Paused by a person."), _("“Resume” goes on from the last checkpoint.")
    ),
    SUBJECT_CHANGED: Cause(
        _("Back to its sign-off: something has changed since it was launched."),
        _("The checklist shows what; sign that again, then launch."),
    ),
    "hub_shutdown": Cause(
        _("Paused because the hub went down."), _("It goes on by itself when the hub comes up.")
    ),
    # The machine: the run goes on from its last checkpoint by itself.
    "killed": Cause(
        _("The trainer's process was killed."),
        _(
            "Usually the machine ran out of memory, or someone ended the process. "
            "The worker's system log tells which."
        ),
    ),
    "terminated": Cause(
        _("The machine asked the trainer to end."),
        _("A shutdown or a pre-emption; the run had time to write a checkpoint."),
    ),
    "worker_lost": Cause(
        _("Nothing was heard of the worker any more."),
        _("See on the page Workers whether the machine is up and reaches the hub."),
    ),
    NEVER_STARTED: Cause(
        _("A worker took the run and never started it."),
        _("Look at the worker's log and at the space left on its disk."),
    ),
    "gave_up": Cause(
        _("The machine failed this run too often, so it was given up."),
        _("Find out on the machine what ends the process, then launch again."),
    ),
    # The run: trying again would fail again.
    "out_of_memory": Cause(
        _("The device ran out of memory."),
        _(
            "Choose a smaller micro-batch, turn activation checkpointing on, "
            "or shorten the context."
        ),
    ),
    "not_a_number": Cause(
        _("The loss was no longer a finite number."),
        _("Lower the learning rate, lengthen the warm-up, clip the gradient, or compute in fp32."),
    ),
    "bad_config": Cause(
        _("The trainer cannot work with this configuration."),
        _("The message names the value; change it and launch again."),
    ),
    "bad_data": Cause(
        _("The dataset cannot be trained on."),
        _("The message says what is wrong; register a corrected version of the dataset."),
    ),
    "bad_checkpoint": Cause(
        _("The checkpoint cannot be continued."),
        _("Launch again from the start."),
    ),
    "disk_full": Cause(
        _("The worker's disk is full."),
        _("Free space on the worker or keep fewer checkpoints, then launch again."),
    ),
    "missing_model": Cause(
        _("A model that the run starts from is not there."),
        _("The message says which one. Choose another, or bring it back, and launch again."),
    ),
    "upstream_failed": Cause(
        _("The run that this one waited for has left no checkpoint to start from."),
        _("See what ended it; then launch the stages again from there."),
    ),
    # A script of the team logs the run.
    "client_silent": Cause(
        _("Nothing was heard of the script any more."),
        _(
            "It goes on by itself when the script is heard again. What was logged meanwhile is "
            "in its journal: “llmhub sync” sends it."
        ),
    ),
    "replaced": Cause(_("The run was resumed by another process.")),
    "script_failed": Cause(_("The script ended with an error.")),
    "crashed": Cause(
        _("The trainer crashed."),
        _("The end of the log shows where. This may be a fault of llmhub: report it with the log."),
    ),
}


def explain(code: str) -> Cause | None:
    """What a code means; codes that this release does not know speak for themselves."""
    if not code:
        return None
    return CAUSES.get(code) or Cause(code.replace("_", " "))
