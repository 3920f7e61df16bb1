"""Going on from a checkpoint in a new run: to the end of the same course, or along another one.

What the checkpoint holds decides what may differ: another learning rate or more steps are another
course of the same training; another model or other data would be another training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from llmhub.datasets.models import DatasetVersion, MixVersion
from llmhub.recipes import specs
from llmhub.runs import checkpoints, inputs
from llmhub.runs.models import Checkpoint, Run, RunInput
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
    elif checkpoints.is_deleted(checkpoint):
        errors[""] = [inputs.deleted(checkpoint)]
    errors |= without_steps_left(spec, checkpoint)
    if errors:
        raise LaunchRefused(errors)
    return RunInput(role=RunInput.RESUME, source=run, step=checkpoint.step, checkpoint=checkpoint)


def without_steps_left(spec: Spec, checkpoint: Checkpoint) -> dict[str, list[str]]:
    """The field that says where the run ends, where that is no later than the checkpoint."""
    step = checkpoint.step
    if spec.training.max_steps is not None and spec.training.max_steps <= step:
        reason = _("The checkpoint is at step %(step)s: enter more steps than that.")
        return {"training.max_steps": [reason % {"step": step}]}
    if 0 < steps_of_epochs(spec, checkpoint.run) <= step:
        reason = _("The checkpoint is at step %(step)s, the end of these epochs: enter more.")
        return {"training.epochs": [reason % {"step": step}]}
    return {}


def steps_of_epochs(spec: Spec, run: Run) -> int:
    """As the trainer of the run has counted them; 0 where it ended before they did, or where more
    than the optimizer differs, for then they may be others."""
    given = specs.stored(run.config).training
    total = run.total_steps or 0
    ended_earlier = given.max_steps is not None and given.max_steps <= total
    if "epochs" not in type(given).model_fields or ended_earlier:
        return 0
    counted = type(given).model_fields.keys() - specs.Optimizer.model_fields.keys() - {"max_steps"}
    same = all(getattr(given, name) == getattr(spec.training, name, None) for name in counted)
    return total if same else 0


def as_many_again(checkpoint: Checkpoint) -> dict[str, Any]:
    """The changes with which a run goes on from the end of another one, where it is the end."""
    spec = specs.stored(checkpoint.run.config)
    training, ends_at = spec.training, without_steps_left(spec, checkpoint)
    if "training.max_steps" in ends_at and training.max_steps is not None:
        return {"training.max_steps": checkpoint.step + training.max_steps}
    if "training.epochs" in ends_at and not isinstance(training, specs.PretrainTraining):
        return {"training.epochs": min(2 * training.epochs, specs.MOST_EPOCHS)}
    return {}


def differing(wanted: dict[str, object], given: dict[str, object]) -> list[str]:
    """Dotted names of what may not differ and does."""
    new, old = specs.flatten(dict(wanted)), specs.flatten(specs.dump(specs.stored(given)))
    return [
        name
        for name in new.keys() | old.keys()
        if name.partition(".")[0] in FIXED and new.get(name) != old.get(name)
    ]
