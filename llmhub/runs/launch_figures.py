"""What follows from a plan and the data it learns from: how every “auto” was resolved."""

from __future__ import annotations

from functools import singledispatch

from llmhub.lib.i18n import gettext_noop as _
from llmhub.recipes import specs
from llmhub.recipes.estimate import divide_up
from llmhub.recipes.figures import Figure, pretrain_figures
from llmhub.recipes.specs import FineTuning, Optimizer, PPOTraining, PretrainTraining, SFTTraining
from llmhub.runs.launch import Plan


def plan_figures(plan: Plan, rows: int | None) -> list[Figure]:
    """`rows` of the data that is chosen; None while none is."""
    return figures(plan.spec.training, plan, rows)


@singledispatch
def figures(training: Optimizer, plan: Plan, rows: int | None) -> list[Figure]:
    raise TypeError(f"No figures of {type(training).__name__}.")


@figures.register
def _pretrain(training: PretrainTraining, plan: Plan, rows: int | None) -> list[Figure]:
    if plan.estimate is None:
        return []
    return [*pretrain_figures(plan.estimate), warmup(training, training.max_steps)]


@figures.register
def _fine_tuning(training: FineTuning, plan: Plan, rows: int | None) -> list[Figure]:
    runtime, is_packed = plan.spec.runtime, isinstance(training, SFTTraining) and training.packing
    at_once = training.micro_batch_size * runtime.processes
    fixed = [
        Figure("batch", _("Sequences per step"), training.batch_size),
        Figure("accumulation", _("Micro-batches per step"), training.batch_size // at_once),
        Figure(
            "tokens_per_step",
            _("Tokens per step"),
            training.batch_size * training.max_seq_length,
            note=_("At most: most examples are shorter."),
        ),
    ]
    return [*from_rows(plan, rows, _("At most: examples are packed.") if is_packed else ""), *fixed]


@figures.register
def _ppo(training: PPOTraining, plan: Plan, rows: int | None) -> list[Figure]:
    mini_batches = training.batch_size // training.mini_batch_size
    at_once = training.micro_batch_size * plan.spec.runtime.processes
    answer = training.max_prompt_length + training.response_length
    fixed = [
        Figure("batch", _("Answers per step"), training.batch_size),
        Figure("updates", _("Optimizer steps per step"), mini_batches * training.ppo_epochs),
        Figure(
            "accumulation",
            _("Micro-batches per optimizer step"),
            training.mini_batch_size // at_once,
        ),
        Figure(
            "tokens_per_step",
            _("Tokens per step"),
            training.batch_size * answer,
            note=_("At most, with the prompts: most are shorter."),
        ),
    ]
    return [*from_rows(plan, rows), *fixed]


def from_rows(plan: Plan, rows: int | None, note: str = "") -> list[Figure]:
    """Steps, counted as the trainer does: the last batch is filled up from the next pass."""
    spec = plan.spec
    if rows is None or isinstance(spec, specs.PretrainSpec):
        return []
    training = spec.training
    learned = round(rows * (1 - spec.data.validation_share))
    all_epochs = divide_up(learned * training.epochs, training.batch_size)
    steps = min(all_epochs, training.max_steps or all_epochs)
    is_cut = steps < all_epochs
    return [
        Figure(
            "rows", _("Rows to learn from"), learned, note=_("About: the rest is for validation.")
        ),
        Figure(
            "steps_per_epoch",
            _("Steps per epoch"),
            divide_up(learned, training.batch_size),
            note=note,
        ),
        Figure("steps", _("Steps"), steps, note="" if is_cut else note),
        warmup(training, steps),
    ]


def warmup(training: Optimizer, steps: int) -> Figure:
    resolved = training.warmup_steps or round(training.warmup_ratio * steps)
    return Figure("warmup_steps", _("Warm-up steps"), resolved)
