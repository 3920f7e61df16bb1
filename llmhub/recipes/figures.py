"""What follows from the values of a spec, for a person to read. No Django here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from llmhub.lib.i18n import gettext_noop as _
from llmhub.recipes import shapes
from llmhub.recipes.alignment_estimate import alignment_estimate
from llmhub.recipes.estimate import Estimate, divide_up, estimate
from llmhub.recipes.needed import Needed, precomputed
from llmhub.recipes.specs import (
    AlignmentSpec,
    DPOSpec,
    PPOSpec,
    PretrainSpec,
    RewardSpec,
    SFTSpec,
    Spec,
)


@dataclass(frozen=True)
class Figure:
    name: str
    # Marked for translation, like the note.
    title: str
    value: float
    # "count", "bytes" or "flops".
    kind: str = "count"
    note: str = ""


def figures(spec: Spec) -> list[Figure]:
    """Of a recipe as it stands, before anything is chosen."""
    return [*counted(spec), *memory_figures(spec)]


@singledispatch
def counted(spec: Spec) -> list[Figure]:
    raise TypeError(f"No figures of {type(spec).__name__}.")


@counted.register(SFTSpec)
@counted.register(RewardSpec)
@counted.register(DPOSpec)
def _fine_tuning(spec: SFTSpec | RewardSpec | DPOSpec) -> list[Figure]:
    """Without the size of the data nothing but the model can be counted."""
    training, size = spec.training, spec.data.dataset_size
    if size is None:
        return model_figures(spec)
    steps = divide_up(size, training.batch_size) * training.epochs
    return [
        *model_figures(spec),
        Figure("steps_per_epoch", _("Steps per epoch"), divide_up(size, training.batch_size)),
        Figure("steps", _("Steps"), steps),
        Figure("warmup_steps", _("Warm-up steps"), round(steps * training.warmup_ratio)),
        Figure(
            "tokens_per_step",
            _("Tokens per step"),
            training.batch_size * training.max_seq_length,
            note=_("At most: most examples are shorter."),
        ),
    ]


@counted.register
def _ppo(spec: PPOSpec) -> list[Figure]:
    training = spec.training
    mini_batches = divide_up(training.batch_size, training.mini_batch_size)
    return [
        *model_figures(spec),
        Figure("mini_batches", _("Mini-batches per rollout"), mini_batches),
        Figure("updates", _("Optimizer steps per rollout"), mini_batches * training.ppo_epochs),
    ]


@counted.register
def _pretrain(spec: PretrainSpec) -> list[Figure]:
    return pretrain_figures(estimate(spec))


def model_figures(spec: AlignmentSpec) -> list[Figure]:
    """Nothing where only the base model's own files could tell how large it is."""
    base = shapes.of(spec.model.base_model)
    if base is None:
        return []
    needs = alignment_estimate(spec, base)
    found = [Figure("parameters", _("Parameters"), needs.parameters)]
    if needs.learning < needs.parameters:
        found.append(Figure("learning", _("Parameters that learn"), needs.learning))
    return found


def memory_figures(spec: Spec) -> list[Figure]:
    """As a probe has found for the recipes that come with the hub, else by arithmetic."""
    base = None if isinstance(spec, PretrainSpec) else shapes.of(spec.model.base_model)
    if found := precomputed(Needed(spec, base), None):
        note = _("Measured on a model without data; what kernels need comes on top.")
        return [Figure("peak_bytes", _("Memory per device"), found["peak_bytes"], "bytes", note)]
    if isinstance(spec, PretrainSpec):
        needed = estimate(spec).memory_bytes
    elif base:
        needed = alignment_estimate(spec, base).memory_bytes
    else:
        return []
    note = _("By arithmetic.")
    return [Figure("memory_bytes", _("Memory per device"), needed, "bytes", note)]


def pretrain_figures(needs: Estimate) -> list[Figure]:
    rounded = _("Rounded up to whole micro-batches.") if needs.rounds_up else ""
    return [
        Figure("parameters", _("Parameters"), needs.parameters, note=_("Counted exactly.")),
        Figure("steps", _("Steps"), needs.steps),
        Figure("batch", _("Sequences per step"), needs.effective_batch_sequences, note=rounded),
        Figure("accumulation", _("Micro-batches per step"), needs.accumulation),
        Figure("tokens_per_step", _("Tokens per step"), needs.tokens_per_step),
        Figure("total_tokens", _("Tokens in total"), needs.total_tokens),
        Figure(
            "flops",
            _("Operations (FLOPs)"),
            needs.flops,
            kind="flops",
            note=_("Estimated: 6 × parameters × tokens; 8 with activation checkpointing."),
        ),
        Figure(
            "state_bytes",
            _("Weights, gradients, optimizer"),
            needs.weights_bytes + needs.gradients_bytes + needs.optimizer_bytes,
            kind="bytes",
            note=_("In 32 bits, with the two moments of AdamW."),
        ),
    ]
