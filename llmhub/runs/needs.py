"""What a run will need: memory, time, energy; and how well such predictions came true.

Speed comes from runs that are over, of the same model on the same device; else from any run on that
device, by its operations; else it is a guess. Which of these it was is always said.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from llmhub.lib import model_reference
from llmhub.lib.model_reference import Kind, NotAReference
from llmhub.recipes import shapes, specs
from llmhub.recipes.alignment_estimate import alignment_estimate
from llmhub.recipes.cost import Cost, Power, cost, guessed_flops, watts_of
from llmhub.recipes.estimate import Device, Estimate, estimate
from llmhub.recipes.fields import describe
from llmhub.recipes.fitting import what_would_fit
from llmhub.recipes.scales import USABLE_MEMORY
from llmhub.recipes.shapes import Shape
from llmhub.recipes.specs import PretrainSpec
from llmhub.runs.models import Prediction, Run

if TYPE_CHECKING:
    from llmhub.accounts.models import Project
    from llmhub.runs.launch import Plan

# Of the memory that a run may plan with: above it little can come between.
TIGHT = 0.85
# A chain of runs that start from each other is followed so far.
DEEPEST = 20
# Of the runs of a kind, the newest so many say how fast it is.
REMEMBERED = 5


class Source(models.TextChoices):
    MEASURED = "measured", _("measured in runs of this model on this device")
    SCALED = "scaled", _("scaled from other runs on this device")
    GUESS = "guess", _("a guess: nothing has run on this device yet")


class Verdict(models.TextChoices):
    FITS = "fits", _("fits")
    TIGHT = "tight", _("tight")
    TOO_MUCH = "too_much", _("does not fit")


@dataclass(frozen=True)
class Speed:
    tokens_per_second: float
    source: Source
    runs: int = 0


@dataclass(frozen=True)
class Needs:
    estimate: Estimate
    speed: Speed
    cost: Cost | None  # None where the steps are not known


def verdict(memory_bytes: int, device: Device) -> Verdict:
    usable = USABLE_MEMORY * device.memory_bytes
    if memory_bytes > usable:
        return Verdict.TOO_MUCH
    return Verdict.TIGHT if memory_bytes > TIGHT * usable else Verdict.FITS


def shape_of(project: Project | None, reference: str) -> Shape | None:
    """Of a known model, or of what a run trains; None where only the files could tell."""
    for _depth in range(DEEPEST):
        try:
            named = model_reference.parse(reference)
        except NotAReference:
            return shapes.of(reference)
        if named.kind is not Kind.RUN:
            return shapes.of(reference)
        run = Run.objects.filter(project=project, pk=int(named.name)).first()
        if run is None or run.is_external:
            return None
        spec = specs.parse(run.config)
        if isinstance(spec, PretrainSpec):
            return Shape(spec.model)
        reference = spec.model.base_model
    return None


def estimate_of(
    spec: specs.Spec, device: Device | None, project: Project | None, rows: int | None = None
) -> Estimate | None:
    if isinstance(spec, PretrainSpec):
        return estimate(spec, device)
    shape = shape_of(project, spec.model.base_model)
    return alignment_estimate(spec, shape, device, rows) if shape else None


def needs(spec: specs.Spec, found: Estimate, device: Device) -> Needs:
    speed = speed_of(spec, found, device)
    if not found.total_tokens:
        return Needs(found, speed, None)
    processes = spec.runtime.processes if device.kind != "cpu" else 1
    watts = watts_of(device.kind, device.name, device.cores, power()) * processes
    return Needs(found, speed, cost(found.total_tokens / speed.tokens_per_second, watts, power()))


def power() -> Power:
    return Power(settings.ENERGY_PUE, settings.GRID_GCO2_PER_KWH, settings.ENERGY_WATTS)


def advice(plan: Plan, project: Project) -> list[tuple[str, Any]]:
    """The changes that together would fit, by title; empty where it fits or nothing would do."""
    assert plan.device is not None
    usable = USABLE_MEMORY * plan.device.memory_bytes
    if plan.estimate is None or plan.estimate.memory_bytes <= usable:
        return []
    base = getattr(plan.spec.model, "base_model", None)
    shape = shape_of(project, base) if base else None
    fit = what_would_fit(plan.spec, plan.device, shape, usable)
    known = describe(plan.spec)
    return (
        [(str(gettext(known[name].title)), value) for name, value in fit.changes.items()]
        if fit
        else []
    )


def speed_of(spec: specs.Spec, found: Estimate, device: Device) -> Speed:
    over = Prediction.objects.filter(
        device_name=device.name, actual_tokens_per_second__gt=0
    ).order_by("-pk")
    same = over.filter(model_key=model_key(spec, found))
    rates = [one.actual_tokens_per_second or 0.0 for one in same[:REMEMBERED]]
    if rates:
        return Speed(statistics.median(rates), Source.MEASURED, len(rates))
    per_token = flops_per_token(found)
    done = over.filter(flops_per_token__gt=0)[:REMEMBERED]
    flops = [(one.actual_tokens_per_second or 0) * (one.flops_per_token or 0) for one in done]
    if flops:
        return Speed(statistics.median(flops) / per_token, Source.SCALED, len(flops))
    guessed = guessed_flops(device.kind, device.name, spec.runtime.precision, device.cores)
    return Speed(guessed * spec.runtime.processes / per_token, Source.GUESS)


def flops_per_token(found: Estimate) -> int:
    """Where no step is known, as of one that all weights learn from."""
    if found.total_tokens:
        return max(1, found.flops // found.total_tokens)
    return 6 * found.parameters


def model_key(spec: specs.Spec, found: Estimate) -> str:
    """Equal for runs that compute the same in the same way, whatever they learn from."""
    runtime = spec.runtime
    facts = [
        spec.objective,
        found.parameters,
        found.learning,
        found.context_length,
        spec.training.micro_batch_size,
        runtime.precision,
        runtime.activation_checkpointing,
        runtime.compile,
        runtime.processes,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def predict(run: Run, spec: specs.Spec, found: Estimate | None, device: Device | None) -> None:
    """Keeps what was said of a run that is launched."""
    if found is None or device is None:
        return
    said = needs(spec, found, device)
    Prediction.objects.create(
        run=run,
        model_key=model_key(spec, found),
        device_name=device.name,
        flops_per_token=flops_per_token(found),
        memory_bytes=found.memory_bytes,
        tokens_per_second=said.speed.tokens_per_second,
        seconds=said.cost.seconds if said.cost else None,
        speed_source=said.speed.source,
        speed_runs=said.speed.runs,
    )


def compare(run: Run, used: Mapping[str, Any]) -> None:
    """Fills in what a run that is over has used; nothing where its trainer could not tell."""
    seconds, tokens = used.get("seconds") or 0, used.get("tokens") or 0
    if not run.is_over() or seconds <= 0:
        return
    Prediction.objects.filter(run=run).update(
        actual_memory_bytes=used.get("peak_bytes") or None,
        actual_seconds=seconds,
        actual_tokens_per_second=tokens / seconds,
    )
