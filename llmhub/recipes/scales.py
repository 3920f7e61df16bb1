"""Scales: how a recipe is cut to the machine at hand."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import models
from django.utils.translation import gettext_lazy as _

from llmhub.recipes.estimate import (
    Device,
    Estimate,
    divide_up,
    estimate,
    micro_batches_per_step,
    process_bytes,
    requested_sequences,
)
from llmhub.recipes.smoke import smoke
from llmhub.recipes.specs import (
    PPOSpec,
    PretrainSpec,
    PretrainTraining,
    Runtime,
    Spec,
    change,
)

# Share of a device's memory that a run may plan with: the rest is for kernels, allocator and
# whatever else lives on the machine.
USABLE_MEMORY = 0.9
# More tokens than this at once make a step no faster.
MAX_MICRO_BATCH_TOKENS = 2**16


class Scale(models.TextChoices):
    FULL = "full", _("Full")
    FIT = "fit", _("Fit")
    SMOKE = "smoke", _("Smoke")

    @property
    def meaning(self) -> str:
        return str(MEANINGS[self])


MEANINGS = {
    Scale.FULL: _("The recipe as it stands."),
    Scale.FIT: _(
        "Fitted to the memory of the worker: changes the micro-batch, the accumulation, activation "
        "checkpointing and the precision, and never the model or the batch."
    ),
    Scale.SMOKE: _(
        "A small model, few steps and short sequences. It learns on a laptop in about two minutes "
        "and shows that everything works."
    ),
}


def apply(spec: Spec, scale: str, device: Device | None) -> Spec:
    """The preset of a scale. Only pretraining is fitted, where there is a device to fit it to."""
    if scale == Scale.SMOKE:
        return smoke(spec, device)
    if scale == Scale.FIT and device is not None and isinstance(spec, PretrainSpec):
        return fit(spec, device)
    return spec


def cuts_micro_batch(spec: Spec, scale: str) -> bool:
    """Whether the micro-batch is to suit the batch and the processes that a person chooses:
    that of a full recipe is its own, and fitting pretraining takes them into account."""
    return scale == Scale.SMOKE or (scale == Scale.FIT and not isinstance(spec, PretrainSpec))


def micro_batch(spec: Spec, most: int) -> int:
    """The largest up to `most` that divides what each process gets of a batch."""
    share = batch_of(spec) // spec.runtime.processes
    return next(size for size in range(min(share, most), 0, -1) if share % size == 0)


def batch_of(spec: Spec) -> int:
    """What passes through the model between two steps of the optimizer, of all processes."""
    if isinstance(spec, PPOSpec):
        return spec.training.mini_batch_size
    if isinstance(spec, PretrainSpec):
        processes = spec.runtime.processes
        wanted = requested_sequences(spec.training, spec.model.context_length)
        return divide_up(wanted, processes) * processes
    return spec.training.batch_size


def usable_bytes(runtime: Runtime, device: Device) -> float:
    """For each process: those on a processor share its memory."""
    sharing = runtime.processes if device.kind == "cpu" else 1
    return USABLE_MEMORY * device.memory_bytes / sharing


def fits(found: Estimate, runtime: Runtime, device: Device) -> bool:
    return found.memory_bytes + process_bytes(device) <= usable_bytes(runtime, device)


def fit(spec: PretrainSpec, device: Device) -> PretrainSpec:
    """The first way of computing the same steps that fits, or the leanest where none does."""
    candidate = spec
    for candidate in same_steps(spec, device):
        if fits(estimate(candidate, device), candidate.runtime, device):
            break
    return candidate


def same_steps(spec: PretrainSpec, device: Device) -> Iterator[PretrainSpec]:
    """Ways to compute the recipe's steps, the fastest first: the batch stays the same sequences."""
    processes = spec.runtime.processes
    per_device = estimate(spec, device).effective_batch_sequences // processes
    as_is, always = spec.runtime, {"activation_checkpointing": True}
    ways = [as_is, change(as_is, precision="bf16"), change(as_is, precision="bf16", **always)]
    for runtime in dict.fromkeys(ways):
        for micro in micro_batches(per_device, spec.model.context_length):
            training = with_micro_batch(spec, micro, per_device // micro, processes)
            yield change(spec, runtime=runtime, training=training)


def micro_batches(sequences: int, context: int) -> list[int]:
    """The micro-batches that divide the batch of one device, the largest first."""
    largest = min(sequences, max(1, MAX_MICRO_BATCH_TOKENS // context))
    return [size for size in range(largest, 0, -1) if sequences % size == 0]


def with_micro_batch(
    spec: PretrainSpec, micro: int, accumulation: int, processes: int
) -> PretrainTraining:
    """“auto” where that comes to the same sequences, else the number that does."""
    auto = change(spec.training, micro_batch_size=micro, gradient_accumulation_steps="auto")
    if micro_batches_per_step(auto, spec.model.context_length, processes) == accumulation:
        return auto
    return change(auto, gradient_accumulation_steps=accumulation)
