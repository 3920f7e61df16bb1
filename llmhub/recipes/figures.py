"""What follows from the values of a spec, for a person to read. No Django here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from llmhub.lib.i18n import gettext_noop as _
from llmhub.recipes.estimate import Estimate, divide_up, estimate
from llmhub.recipes.specs import FineTuning, PPOSpec, PretrainSpec, Spec


@dataclass(frozen=True)
class Figure:
    name: str
    # Marked for translation, like the note.
    title: str
    value: float
    # "count", "bytes" or "flops".
    kind: str = "count"
    note: str = ""


@singledispatch
def figures(spec: Spec) -> list[Figure]:
    """Fine-tuning: the model is known by name only, so the steps are what can be counted."""
    training, size = spec.training, getattr(spec.data, "dataset_size", None)
    if not isinstance(training, FineTuning) or size is None:
        return []
    steps = divide_up(size, training.batch_size) * training.epochs
    return [
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


@figures.register
def _ppo(spec: PPOSpec) -> list[Figure]:
    training = spec.training
    mini_batches = divide_up(training.batch_size, training.mini_batch_size)
    return [
        Figure("mini_batches", _("Mini-batches per rollout"), mini_batches),
        Figure("updates", _("Optimizer steps per rollout"), mini_batches * training.ppo_epochs),
    ]


@figures.register
def _pretrain(spec: PretrainSpec) -> list[Figure]:
    return pretrain_figures(estimate(spec))


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
            note=_("Estimated: 6 × parameters × tokens."),
        ),
        Figure(
            "state_bytes",
            _("Weights, gradients, optimizer"),
            needs.weights_bytes + needs.gradients_bytes + needs.optimizer_bytes,
            kind="bytes",
            note=_("In 32 bits, with the two moments of AdamW."),
        ),
    ]
