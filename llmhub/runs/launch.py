"""From a recipe to a queued run: what will be trained, what that needs, and whether it may start.

The launch page and the HTTP API call the same functions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import ValidationError

from llmhub.datasets.mixes import TOLERANCE
from llmhub.datasets.models import DatasetVersion, Kind, MixVersion
from llmhub.lib.texts import is_storable
from llmhub.recipes import scales, specs
from llmhub.recipes.changes import Change, difference
from llmhub.recipes.estimate import Device, Estimate
from llmhub.recipes.fields import KIND, describe
from llmhub.recipes.fitting import MICRO_BATCH
from llmhub.recipes.problems import explain
from llmhub.recipes.scales import Scale
from llmhub.recipes.specs import PretrainSpec
from llmhub.runs import continuing, inputs, needs, predictions, transitions
from llmhub.runs.claim import enqueue_claim
from llmhub.runs.gate import gate
from llmhub.runs.inputs import Inputs
from llmhub.runs.models import Run, RunInput, Worker
from llmhub.runs.purpose import Purpose
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import State

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User
    from llmhub.recipes.models import RecipeVersion
    from llmhub.runs.models import Checkpoint, Pipeline

Data = DatasetVersion | MixVersion


@dataclass(frozen=True)
class Plan:
    """What would be trained: the recipe cut to the scale (`preset`), then changed by the person."""

    recipe: specs.Spec
    preset: specs.Spec
    spec: specs.Spec
    # Everything that differs from the recipe, and what of it the person asked for, as typed values.
    changes: list[Change]
    overrides: dict[str, Any]
    # What every field would hold without the person's change of it.
    reference: dict[str, Any]
    estimate: Estimate | None
    device: Device | None

    @property
    def fits(self) -> bool | None:
        """By arithmetic; None where it is not known. A probe measures it afterwards."""
        if self.estimate is None or self.device is None:
            return None
        return scales.fits(self.estimate, self.spec.runtime, self.device)


def device_at_hand() -> Device | None:
    """The best device that a worker offers now, else the one seen last; a run takes one device."""
    newest = Worker.objects.order_by("-last_seen_at")
    devices = [
        offered(worker, device)
        for worker in newest.alive() or newest[:1]
        for device in worker.devices
    ]
    return max(devices, key=lambda d: (d.kind != "cpu", d.memory_bytes), default=None)


def offered(worker: Worker, device: Mapping[str, Any]) -> Device:
    """What one run may use of a device: a slot has a GPU to itself, and a share of the machine."""
    sharing = worker.slots if device["kind"] == "cpu" else 1
    memory = device["memory_bytes"] // max(1, sharing)
    cores = max(1, worker.cpu_count // max(1, worker.slots))
    return Device(device["kind"], device["name"], memory, cores=cores)


def default_scale(device: Device | None) -> Scale:
    """What a person without an opinion can run on this device."""
    return Scale.SMOKE if device is None or device.kind == "cpu" else Scale.FIT


def plan(
    recipe_version: RecipeVersion,
    scale: str,
    overrides: Mapping[str, Any],
    device: Device | None,
    project: Project | None = None,
    rows: int | None = None,
) -> Plan:
    """`project`: whose runs may be started from; `rows`: of the data, where they are chosen."""
    recipe = recipe_version.typed()
    check_scale(scale)
    check_names(recipe, overrides)
    check_storable(overrides)
    # What fits depends on what the person changed; what smoke trains does not.
    is_fitted = scale == Scale.FIT and isinstance(recipe, PretrainSpec)
    preset = scales.apply(changed(recipe, overrides) if is_fitted else recipe, scale, device)
    spec = changed_at(scale, preset, overrides)
    values, plain = flat(spec), flat(scales.apply(recipe, scale, device))
    return Plan(
        recipe=recipe,
        preset=preset,
        spec=spec,
        changes=difference(flat(recipe), values),
        overrides={name: values[name] for name in overrides},
        reference=values | {name: plain[name] for name in overrides},
        estimate=needs.estimate_of(spec, device, project, rows),
        device=device,
    )


def flat(spec: specs.Spec) -> dict[str, Any]:
    return specs.flatten(specs.dump(spec))


def check_scale(scale: str) -> None:
    if scale not in Scale.values:
        raise LaunchRefused(
            {"scale": [_("Choose one of: %(choices)s.") % {"choices": ", ".join(Scale.values)}]}
        )


def check_names(recipe: specs.Spec, overrides: Mapping[str, Any]) -> None:
    unknown = [name for name in overrides if name not in describe(recipe) or name in KIND]
    if unknown:
        reason = _("There is no such value in this recipe.")
        raise LaunchRefused({name: [reason] for name in unknown})


def check_storable(overrides: Mapping[str, Any]) -> None:
    unsound = [name for name, value in overrides.items() if not is_storable({name: value})]
    if unsound:
        reason = _("This cannot be stored: it holds a NUL, half a character, NaN or an infinity.")
        raise LaunchRefused({name: [reason] for name in unsound})


def changed_at(scale: str, preset: specs.Spec, overrides: Mapping[str, Any]) -> specs.Spec:
    """With a micro-batch that suits what the person changed, where they left it to the scale."""
    if MICRO_BATCH in overrides or not scales.cuts_micro_batch(preset, scale):
        return changed(preset, overrides)
    smallest = changed(preset, {MICRO_BATCH: 1, **overrides})
    micro_batch = scales.micro_batch(smallest, preset.training.micro_batch_size)
    return changed(smallest, {MICRO_BATCH: micro_batch})


def changed(spec: specs.Spec, overrides: Mapping[str, Any]) -> specs.Spec:
    try:
        return specs.override(spec, overrides)
    except ValidationError as error:
        raise LaunchRefused(explain(error, describe(spec))) from error


@dataclass(frozen=True)
class Place:
    """Where a run stands in a pipeline, and the runs of it that it may wait for."""

    pipeline: Pipeline
    stage: int
    upstream: Sequence[Run]


def launch(
    *,
    user: User,
    project: Project,
    recipe_version: RecipeVersion,
    scale: str,
    overrides: Mapping[str, Any],
    data: Data,
    name: str = "",
    parent: Run | None = None,
    checkpoint: Checkpoint | None = None,
    place: Place | None = None,
    purposes: Sequence[Purpose] = (),
    idempotency_key: str | None = None,
) -> Run:
    """Queues a run. The same key with the same wish gives the same run, however often it is asked.

    `checkpoint`: one of the parent's, from whose step this run goes on. The caller has checked that
    `user` may launch in `project`.
    """
    parent = checkpoint.run if checkpoint else parent
    check_subject(project, recipe_version, data, parent)
    planned = plan(recipe_version, scale, overrides, device_at_hand(), project, rows_of(data))
    wish = Run(
        project=project,
        name=checked_name(name) or default_name(recipe_version, scale),
        objective=planned.spec.objective,
        recipe_version=recipe_version,
        scale=scale,
        overrides=planned.overrides,
        config=specs.dump(planned.spec),
        dataset_version=data if isinstance(data, DatasetVersion) else None,
        mix_version=data if isinstance(data, MixVersion) else None,
        parent=parent,
        pipeline=place.pipeline if place else None,
        stage=place.stage if place else None,
        # Until the gate lets it pass.
        state=State.AWAITING_SIGN_OFF,
        step=checkpoint.step if checkpoint else 0,
        total_steps=total_steps(planned),
        created_by=user,
        idempotency_key=idempotency_key or None,
    )
    # Before what can change between two presses: a checkpoint that was there may be gone.
    earlier = launched_with(wish)
    if earlier:
        return earlier
    upstream = place.upstream if place else ()
    taken = taken_by(project, planned.spec, data, upstream, checkpoint)
    return queue_once(wish, taken, planned, purposes)


def taken_by(
    project: Project,
    spec: specs.Spec,
    data: Data,
    upstream: Sequence[Run],
    checkpoint: Checkpoint | None,
) -> Inputs:
    """What the run starts from; LaunchRefused where it could not."""
    check_dataset(spec, data)
    taken = inputs.check(project, spec, upstream)
    check_length(spec, project)
    if checkpoint is not None:
        taken.rows.append(continuing.of(spec, data, checkpoint))
    return taken


def total_steps(planned: Plan) -> int:
    """0 where the rows decide: the trainer counts them and tells."""
    if planned.estimate:
        return planned.estimate.steps
    return getattr(planned.spec.training, "max_steps", None) or 0


def queue_once(wish: Run, taken: Inputs, planned: Plan, purposes: Sequence[Purpose] = ()) -> Run:
    """Queued, or waiting for its sign-off where the gate asks for one."""
    try:
        with transaction.atomic():
            wish.save()
            taken.save(wish)
            predictions.predict(wish, planned.spec, planned.estimate, planned.device)
            for purpose in purposes:
                purpose.launched(wish)
            if gate().asks(wish, wish.created_by):
                transitions.announce(wish)
            else:
                transitions.move(wish, State.QUEUED, queued_at=timezone.now())
                enqueue_claim()
    except IntegrityError:
        # The same key came twice at the same moment: the other one has won.
        earlier = launched_with(wish)
        if earlier is None:
            raise
        return earlier
    return wish


# What makes two wishes the same. The config is left out: it follows from these and from the
# device at hand, which may have changed between two presses.
WISH = (
    *("recipe_version_id", "scale", "overrides", "dataset_version_id", "mix_version_id"),
    *("name", "parent_id", "step"),
)


def launched_with(wish: Run) -> Run | None:
    """The run that this key launched before; LaunchRefused where it stood for another wish."""
    if not wish.idempotency_key:
        return None
    earlier = Run.objects.filter(
        project_id=wish.project_id, idempotency_key=wish.idempotency_key
    ).first()
    if earlier and any(asked(earlier, field) != asked(wish, field) for field in WISH):
        raise LaunchRefused(
            {
                "idempotency_key": [
                    _("This key already launched run %(run)s with other values.")
                    % {"run": earlier.pk}
                ]
            }
        )
    return earlier


def asked(run: Run, field: str) -> Any:
    """A run's step moves; where it was to begin is what was asked for."""
    if field != "step" or run.pk is None:
        return getattr(run, field)
    begun = run.inputs.filter(role=RunInput.RESUME).values_list("step", flat=True).first()
    return begun or 0


def check_subject(
    project: Project, recipe_version: RecipeVersion, data: Data, parent: Run | None
) -> None:
    errors: dict[str, list[str]] = {}
    if recipe_version.recipe.project_id not in (None, project.pk):
        errors["recipe"] = [_("There is no such recipe in this project.")]
    if project_of(data) != project.pk:
        errors["dataset"] = [_("There is no such dataset in this project.")]
    if parent is not None and parent.project_id != project.pk:
        errors["parent"] = [_("There is no such run in this project.")]
    if errors:
        raise LaunchRefused(errors)


def rows_of(data: Data) -> int:
    """How many rows one pass reads: of a mix those of all its parts."""
    if isinstance(data, DatasetVersion):
        return data.rows
    return sum(part.dataset_version.rows for part in data.parts.all() if part.dataset_version)


def project_of(data: Data) -> int:
    return data.mix.project_id if isinstance(data, MixVersion) else data.dataset.project_id


def check_length(spec: specs.Spec, project: Project) -> None:
    """Refuses what is longer than the model reads, where its shape is known."""
    context = context_of(spec, project)
    if context is None:
        return
    errors = too_long_rows(spec, context) | too_long_samples(spec.samples, context)
    if errors:
        raise LaunchRefused(errors)


def context_of(spec: specs.Spec, project: Project) -> int | None:
    if isinstance(spec, PretrainSpec):
        return spec.model.context_length
    shape = needs.shape_of(project, spec.model.base_model)
    return shape.model.context_length if shape else None


def too_long_rows(spec: specs.Spec, context: int) -> dict[str, list[str]]:
    if isinstance(spec, PretrainSpec):
        return {}
    name, length = longest_sequence(spec.training)
    if length <= context:
        return {}
    reason = _("The base model reads %(context)s tokens at most, and this asks for %(length)s.")
    return {f"training.{name}": [reason % {"context": context, "length": length}]}


def too_long_samples(samples: specs.Samples, context: int) -> dict[str, list[str]]:
    """At least one token of a prompt comes before what is written."""
    if not samples.every or samples.max_new_tokens < context:
        return {}
    reason = _("The model reads %(context)s tokens, the prompt among them: write %(most)s at most.")
    values = {"context": context, "most": context - 1}
    return {"samples.max_new_tokens": [reason % values]}


def longest_sequence(training: specs.FineTuning | specs.PPOTraining) -> tuple[str, int]:
    """The field that a person would change, and the tokens of a whole row."""
    if isinstance(training, specs.PPOTraining):
        return "response_length", training.max_prompt_length + training.response_length
    return "max_seq_length", training.max_seq_length


def checked_name(name: str) -> str:
    name = name.strip()
    limit = Run._meta.get_field("name").max_length or 0
    try:
        ProhibitNullCharactersValidator()(name)
    except DjangoValidationError as error:
        raise LaunchRefused({"name": error.messages}) from error
    if len(name) > limit:
        raise LaunchRefused({"name": [_("At most %(limit)s characters.") % {"limit": limit}]})
    return name


def default_name(recipe_version: RecipeVersion, scale: str) -> str:
    return f"{recipe_version.recipe.slug} {scale}"


def check_dataset(spec: specs.Spec, data: Data) -> None:
    for version in versions_of(data):
        check_dataset_kind(spec, version)
        check_dataset_size(spec, version)


def versions_of(data: Data) -> list[DatasetVersion]:
    """Refuses a mix that nobody could train on."""
    if isinstance(data, DatasetVersion):
        return [data]
    parts = list(data.parts.select_related("dataset_version__dataset"))
    is_open = [part.slot for part in parts if part.dataset_version is None]
    if not parts or is_open:
        reason = _("The mix has slots without data: %(slots)s.") % {"slots": ", ".join(is_open)}
        raise LaunchRefused({"dataset": [reason]})
    if abs(math.fsum(part.weight for part in parts) - 1) > TOLERANCE:
        raise LaunchRefused({"dataset": [_("The weights of the mix do not add up to 1.")]})
    return [part.dataset_version for part in parts if part.dataset_version]


def check_dataset_kind(spec: specs.Spec, version: DatasetVersion) -> None:
    if version.kind in spec.learns_from:
        return
    wanted = " / ".join(str(Kind(kind).label) for kind in spec.learns_from)
    raise LaunchRefused(
        {
            "dataset": [
                _("This recipe learns from “%(wanted)s”, and %(dataset)s holds “%(kind)s”.")
                % {"wanted": wanted, "dataset": version, "kind": version.get_kind_display()}
            ]
        }
    )


def check_dataset_size(spec: specs.Spec, version: DatasetVersion) -> None:
    """Refuses what holds no whole sequence; no tokenizer makes more tokens than bytes."""
    if not isinstance(spec, PretrainSpec):
        return
    is_by_character = spec.data.tokenizer == "characters"
    units = version.characters if is_by_character else version.most_text_bytes()
    smaller = min(spec.data.validation_share, 1 - spec.data.validation_share)
    # One more token than the context: each position predicts the next.
    needed = spec.model.context_length + 1
    if units * smaller < needed:
        raise LaunchRefused(
            {
                "dataset": [
                    _(
                        "The dataset is too small: %(characters)s characters, of which one part is "
                        "kept for validation, do not hold a sequence of %(context)s tokens twice. "
                        "Choose a larger dataset or a shorter context."
                    )
                    % {"characters": version.characters, "context": needed - 1}
                ]
            }
        )
