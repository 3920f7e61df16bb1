"""A run that waits for its sign-off is planned anew: the same run, with other values.

What was signed of it stands as far as it does not depend on what changed; see `runs.gate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from llmhub.accounts import audit
from llmhub.datasets.models import DatasetVersion, MixVersion
from llmhub.recipes import specs
from llmhub.runs import launch, predictions, transitions
from llmhub.runs.gate import gate
from llmhub.runs.inputs import Inputs
from llmhub.runs.launch import Data, Plan
from llmhub.runs.models import Checkpoint, Prediction, Run, RunInput
from llmhub.runs.refusal import LaunchRefused

if TYPE_CHECKING:
    from llmhub.accounts.models import User


def edit(
    *,
    user: User,
    run: Run,
    scale: str,
    overrides: Mapping[str, Any],
    data: Data,
    name: str = "",
) -> Run:
    """Raises LaunchRefused with the reasons by field, as a launch does."""
    assert run.recipe_version is not None, "a script's run is not planned here"
    version, project = run.recipe_version, run.project
    launch.check_subject(project, version, data, None)
    device = launch.device_at_hand()
    planned = launch.plan(version, scale, overrides, device, project, launch.rows_of(data))
    name = launch.checked_name(name) or launch.default_name(version, scale)
    taken = launch.taken_by(project, planned.spec, data, before(run), resumed(run))
    return save(user, run, name, scale, data, planned, taken)


@transaction.atomic
def save(
    user: User, run: Run, name: str, scale: str, data: Data, planned: Plan, taken: Inputs
) -> Run:
    transitions.lock(run)
    if not run.awaits_sign_off():
        reason = _("This run is launched already: launch it again with other values.")
        raise LaunchRefused({"": [reason]})
    earlier = said(run)
    run.name, run.scale = name, scale
    run.overrides, run.config = planned.overrides, specs.dump(planned.spec)
    run.dataset_version = data if isinstance(data, DatasetVersion) else None
    run.mix_version = data if isinstance(data, MixVersion) else None
    run.total_steps, run.cause, run.message = launch.total_steps(planned), "", ""
    run.save()
    run.inputs.all().delete()
    taken.save(run)
    Prediction.objects.filter(run=run).delete()
    predictions.predict(run, planned.spec, planned.estimate, planned.device)
    record(user, run, earlier)
    transitions.announce(run)
    return run


def record(user: User, run: Run, earlier: Mapping[str, Any]) -> None:
    """Whoever changes no more than the name has not made the run."""
    now = said(run)
    changes = {
        name: [earlier.get(name), now.get(name)]
        for name in dict.fromkeys([*earlier, *now])
        if earlier.get(name) != now.get(name)
    }
    if changes:
        gate().edited(run, user)
        # The end of the audit log is locked last, by whoever locks more than that.
        audit.record(run.project_id, user, "run.edited", f"run:{run.pk}", changes=changes)


def said(run: Run) -> dict[str, Any]:
    """What a person chooses of a run, by name."""
    return {
        "scale": run.scale,
        "dataset": run.dataset_version_id,
        "mix": run.mix_version_id,
        **specs.flatten(run.config),
    }


def before(run: Run) -> Sequence[Run]:
    """The stages of its pipeline that it may wait for."""
    if run.pipeline is None or run.stage is None:
        return ()
    return list(run.pipeline.runs.filter(stage__lt=run.stage).order_by("stage"))


def resumed(run: Run) -> Checkpoint | None:
    """The checkpoint that the run goes on from: that stays."""
    row = run.inputs.filter(role=RunInput.RESUME).select_related("checkpoint__run").first()
    return row.checkpoint if row else None
