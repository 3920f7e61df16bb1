"""Going on from a checkpoint in a new run: to the end of the same course, or along another one.

What the checkpoint holds decides what may differ: another learning rate or more steps are another
course of the same training; another model or other data would be another training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from llmhub.datasets.models import DatasetVersion, MixVersion
from llmhub.recipes import specs
from llmhub.runs.models import Checkpoint, RunInput
from llmhub.runs.refusal import LaunchRefused

if TYPE_CHECKING:
    from llmhub.recipes.specs import Spec

FIXED = ("objective", "model", "lora", "data")


def of(spec: Spec, data: DatasetVersion | MixVersion, checkpoint: Checkpoint) -> RunInput:
    """The edge to the checkpoint; refuses a run that could not go on from it."""
    run = checkpoint.run
    wanted = specs.dump(spec)
    errors = {
        name: [_("A run that goes on from a checkpoint keeps this value: it was trained with it.")]
        for name in differing(wanted, run.config)
    }
    if data != run.data:
        errors["dataset"] = [_("A run that goes on from a checkpoint keeps its data.")]
    if checkpoint.removed_at is not None:
        errors[""] = [_("The checkpoint of step %(step)s is not kept.") % {"step": checkpoint.step}]
    total = getattr(spec.training, "max_steps", None)
    if total is not None and total <= checkpoint.step:
        errors["training.max_steps"] = [
            _("The checkpoint is at step %(step)s: enter more steps than that.")
            % {"step": checkpoint.step}
        ]
    if errors:
        raise LaunchRefused(errors)
    return RunInput(role=RunInput.RESUME, source=run, step=checkpoint.step, checkpoint=checkpoint)


def differing(wanted: dict[str, object], given: dict[str, object]) -> list[str]:
    """Dotted names of what may not differ and does."""
    new, old = specs.flatten(dict(wanted)), specs.flatten(specs.dump(specs.parse(given)))
    return [
        name
        for name in new.keys() | old.keys()
        if name.partition(".")[0] in FIXED and new.get(name) != old.get(name)
    ]
