"""Several runs launched as one: pretraining, SFT, reward model, PPO, each from what came before.

Every stage is an ordinary run. Its references to the runs before it make it wait for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from llmhub.lib.model_reference import Kind, Reference
from llmhub.recipes import specs
from llmhub.runs import services
from llmhub.runs.inputs import FITTING
from llmhub.runs.launch import Data, Place, check_storable, checked_name
from llmhub.runs.launch import launch as launch_run
from llmhub.runs.models import STAGE_MARK, Pipeline, Run
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import State

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User
    from llmhub.recipes.models import RecipeVersion

FEWEST, MOST = 2, 10


@dataclass(frozen=True)
class Stage:
    # What its errors are named after: "sft.dataset".
    name: str
    recipe_version: RecipeVersion
    data: Data
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def objective(self) -> str:
        return self.recipe_version.recipe.objective

    def wish(self) -> dict[str, Any]:
        data = f"{type(self.data).__name__}:{self.data.pk}"
        return {
            "recipe_version": self.recipe_version.pk,
            "data": data,
            "overrides": dict(self.overrides),
        }


def launch(
    *,
    user: User,
    project: Project,
    name: str,
    scale: str,
    stages: Sequence[Stage],
    idempotency_key: str | None = None,
) -> Pipeline:
    """All runs or none. The same key with the same wish gives the same pipeline.

    Raises LaunchRefused with the reasons by “<stage>.<field>”.
    """
    if not FEWEST <= len(stages) <= MOST:
        reason = _("A pipeline has from %(fewest)s to %(most)s stages.")
        raise LaunchRefused({"": [reason % {"fewest": FEWEST, "most": MOST}]})
    check_overrides(stages)
    wish = Pipeline(
        project=project,
        name=checked_name(name) or default_name(stages, scale),
        scale=scale,
        wish={"scale": scale, "name": name.strip(), "stages": [stage.wish() for stage in stages]},
        created_by=user,
        idempotency_key=idempotency_key or None,
    )
    earlier = launched_with(wish)
    if earlier:
        return earlier
    try:
        with transaction.atomic():
            wish.save()
            launch_stages(wish, user, stages)
    except IntegrityError:
        earlier = launched_with(wish)
        if earlier is None:
            raise
        return earlier
    return wish


def launched_with(wish: Pipeline) -> Pipeline | None:
    if not wish.idempotency_key:
        return None
    earlier = Pipeline.objects.filter(
        project_id=wish.project_id, idempotency_key=wish.idempotency_key
    ).first()
    if earlier and earlier.wish != wish.wish:
        reason = _("This key already launched pipeline %(pipeline)s with other values.")
        raise LaunchRefused({"idempotency_key": [reason % {"pipeline": earlier.pk}]})
    return earlier


def check_overrides(stages: Sequence[Stage]) -> None:
    """The wish is kept before any stage is tried."""
    errors: dict[str, list[str]] = {}
    for stage in stages:
        try:
            check_storable(stage.overrides)
        except LaunchRefused as refused:
            errors |= {f"{stage.name}.{name}": found for name, found in refused.errors.items()}
    if errors:
        raise LaunchRefused(errors)


def default_name(stages: Sequence[Stage], scale: str) -> str:
    return f"{' → '.join(stage.objective for stage in stages)} {scale}"[:120]


def launch_stages(pipeline: Pipeline, user: User, stages: Sequence[Stage]) -> None:
    """Every stage is tried, so that a person hears of all that is wrong at once."""
    errors = out_of_order(stages)
    runs: list[Run] = []
    refused_ones: set[str] = set()
    for position, stage in enumerate(stages):
        try:
            runs.append(launch_stage(pipeline, user, stage, position, runs))
        except LaunchRefused as refused:
            # What comes after one that is refused would only complain that it is missing.
            told = [name for name in refused.errors if not FITTING.get(name, set()) & refused_ones]
            errors |= {f"{stage.name}.{name}": refused.errors[name] for name in told}
            refused_ones.add(stage.objective)
            if stage.objective in FITTING["model.base_model"]:
                break
    if errors:
        raise LaunchRefused(errors)


def out_of_order(stages: Sequence[Stage]) -> dict[str, list[str]]:
    """Every stage but the first starts from something that one before it makes."""
    reason = _("This stage starts from nothing that the ones before it make.")
    return {
        f"{stage.name}.recipe": [reason]
        for position, stage in enumerate(stages[1:], start=1)
        if not any(
            before.objective in FITTING[name]
            for before in stages[:position]
            for name in models_of(stage)
        )
    }


def models_of(stage: Stage) -> Mapping[str, str]:
    return specs.model_inputs(stage.recipe_version.typed())


def launch_stage(
    pipeline: Pipeline, user: User, stage: Stage, position: int, before: Sequence[Run]
) -> Run:
    return launch_run(
        user=user,
        project=pipeline.project,
        recipe_version=stage.recipe_version,
        scale=pipeline.scale,
        overrides={**upstream(stage, before), **stage.overrides},
        data=stage.data,
        name=f"{pipeline.name[:100]}{STAGE_MARK}{stage.objective}",
        place=Place(pipeline, position, before),
    )


def upstream(stage: Stage, before: Sequence[Run]) -> dict[str, str]:
    """The models of a stage are what the last fitting one before it makes. A reward model learns
    from the same model that PPO will train: PPO does not start from what comes after that."""
    found = {}
    for name in models_of(stage):
        fitting = [run for run in before if run.objective in FITTING[name]]
        if fitting:
            found[name] = str(Reference(Kind.RUN, str(fitting[-1].pk)))
    return found


@transaction.atomic
def stop(pipeline: Pipeline) -> int:
    """Stops every run of it that is not over; returns how many."""
    # All are held before one is stopped, the oldest first as wherever several are held.
    runs = [*pipeline.runs.select_for_update(no_key=True).order_by("pk")]
    # The last stage first: a person has stopped it, and not the end of the one before it.
    effects = [services.stop(run) for run in reversed(runs)]
    return sum(effect != services.Effect.UNCHANGED for effect in effects)


def state_of(runs: Sequence[Run]) -> str:
    """Of the whole: what went wrong, else what is at work, else how it ended."""
    states = [State(run.state) for run in runs]
    for state in (State.FAILED, State.STOPPED):
        if state in states and all(run.is_over() for run in runs):
            return state
    at_work = [run.state for run in runs if not run.is_over()]
    active = [run.state for run in runs if run.is_active()]
    return (active or at_work or [State.SUCCEEDED])[0]
