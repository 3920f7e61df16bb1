"""What a run will need: memory, time, energy, and what to change where it does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from llmhub.lib import model_reference
from llmhub.lib.model_reference import Kind, NotAReference, Reference
from llmhub.recipes import shapes, specs
from llmhub.recipes.alignment_estimate import alignment_estimate
from llmhub.recipes.cost import Cost, Power, cost, watts_of
from llmhub.recipes.estimate import Device, Estimate, estimate, process_bytes
from llmhub.recipes.fields import describe
from llmhub.recipes.fitting import what_would_fit
from llmhub.recipes.shapes import Shape
from llmhub.recipes.specs import PretrainSpec
from llmhub.runs import inputs
from llmhub.runs.models import Run
from llmhub.runs.throughput import Speed, speed_of, speedup

if TYPE_CHECKING:
    from llmhub.accounts.models import Project
    from llmhub.runs.launch import Plan

# Of the memory that a run may plan with: above it little can come between.
TIGHT = 0.85
# A chain of runs that start from each other is followed so far.
DEEPEST = 20


class Verdict(models.TextChoices):
    FITS = "fits", _("fits")
    TIGHT = "tight", _("tight")
    TOO_MUCH = "too_much", _("does not fit")


@dataclass(frozen=True)
class Memory:
    """What one process has at its peak, on its device."""

    bytes: int
    # By a probe, which is exact but for what kernels need for themselves; else by arithmetic.
    is_measured: bool
    # Of that, what is not trained: Python, torch and transformers, where they lie there.
    process_bytes: int = 0


@dataclass(frozen=True)
class Needs:
    estimate: Estimate
    speed: Speed
    cost: Cost | None  # None where the steps are not known
    watts: float  # of all devices


@dataclass(frozen=True)
class Advice:
    """Values by title that together would fit, and what that takes."""

    changes: list[tuple[str, Any]]
    memory_bytes: int


def memory_of(found: Estimate, measured: dict[str, Any] | None, device: Device | None) -> Memory:
    own = process_bytes(device)
    if measured and measured.get("peak_bytes"):
        return Memory(measured["peak_bytes"] + own, True, own)
    return Memory(found.memory_bytes + own, False, own)


def verdict(memory_bytes: int, usable: float) -> Verdict:
    if memory_bytes > usable:
        return Verdict.TOO_MUCH
    return Verdict.TIGHT if memory_bytes > TIGHT * usable else Verdict.FITS


def shape_of(project: Project | None, reference: str) -> Shape | None:
    """Of a known model, of what a run trains, or as a folder's files say; None where only files
    could tell that are not here."""
    for _depth in range(DEEPEST):
        try:
            named = model_reference.parse(reference)
        except NotAReference:
            return shapes.of(reference)
        if named.kind is not Kind.RUN:
            return shapes.of(reference) or shape_of_files(named)
        run = Run.objects.filter(project=project, pk=int(named.name)).first()
        if run is None or run.is_external:
            return None
        spec = specs.stored(run.config)
        if isinstance(spec, PretrainSpec):
            return Shape(spec.model)
        reference = spec.model.base_model
    return None


def shape_of_files(named: Reference) -> Shape | None:
    """A folder that models may lie in, or what a worker has downloaded before."""
    if named.kind is Kind.FOLDER:
        try:
            inputs.check_folder(named.name)
        except inputs.NoSuchModel:
            return None
        return shapes.of_folder(Path(named.name).resolve())
    if named.kind is Kind.HUB:
        return shapes.of_folder(inputs.models_folder() / "hub" / named.name.replace("/", "--"))
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
    watts = watts_of(device.kind, device.name, device.cores, power())
    watts *= speedup(spec.runtime.processes, device)
    if not found.total_tokens:
        return Needs(found, speed, None, watts)
    seconds = found.total_tokens * speed.fill / speed.tokens_per_second
    return Needs(found, speed, cost(seconds, watts, power()), watts)


def power() -> Power:
    return Power(settings.ENERGY_PUE, settings.GRID_GCO2_PER_KWH, settings.ENERGY_WATTS)


def advice(plan: Plan, memory: Memory, usable: float, project: Project | None) -> Advice | None:
    """The gentlest changes that together would fit; None where nothing would do, or the base
    model's shape is not known.

    Changes are tried by arithmetic. Where a probe has found more or less than that, the same is
    taken to be true after the change.
    """
    if plan.estimate is None or plan.device is None:
        return None
    factor = (memory.bytes - memory.process_bytes) / plan.estimate.memory_bytes
    base = getattr(plan.spec.model, "base_model", None)
    fit = what_would_fit(
        plan.spec,
        plan.device,
        shape_of(project, base) if base else None,
        (usable - memory.process_bytes) / factor,
    )
    if fit is None:
        return None
    known = describe(plan.spec)
    changes = [(str(gettext(known[name].title)), value) for name, value in fit.changes.items()]
    return Advice(changes, round(fit.memory_bytes * factor) + memory.process_bytes)
