"""How the batch of a step comes about: what “auto” and a batch in tokens were resolved to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from llmhub.recipes import specs
from llmhub.recipes.estimate import micro_batches_per_step, requested_sequences
from llmhub.recipes.specs import FineTuning, Optimizer, PPOTraining, PretrainTraining

if TYPE_CHECKING:
    from llmhub.runs.models import Run


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    value: int
    note: str = ""


def batch_of(run: Run) -> list[Row]:
    spec = specs.stored(run.config)
    return rows(spec.training, spec)


@singledispatch
def rows(training: Optimizer, spec: specs.Spec) -> list[Row]:
    raise TypeError(f"No batch of {type(training).__name__}.")


@rows.register
def _pretrain(training: PretrainTraining, spec: specs.PretrainSpec) -> list[Row]:
    context, processes = spec.model.context_length, spec.runtime.processes
    accumulation = micro_batches_per_step(training, context, processes)
    sequences = training.micro_batch_size * accumulation * processes
    is_more = sequences > requested_sequences(training, context)
    rounded = _("Rounded up to whole micro-batches.") if is_more else ""
    return [
        Row("micro_batch", _("Sequences of a micro-batch"), training.micro_batch_size),
        Row("accumulation", _("Micro-batches per step and process"), accumulation),
        Row("processes", _("Processes"), processes),
        Row("sequences", _("Sequences per step"), sequences, rounded),
        Row("tokens", _("Tokens per step"), sequences * context),
    ]


@rows.register
def _fine_tuning(training: FineTuning, spec: specs.FineTuningSpec) -> list[Row]:
    processes = spec.runtime.processes
    accumulation = training.batch_size // (training.micro_batch_size * processes)
    return [
        Row("micro_batch", _("Examples of a micro-batch"), training.micro_batch_size),
        Row("accumulation", _("Micro-batches per step and process"), accumulation),
        Row("processes", _("Processes"), processes),
        Row("sequences", _("Examples per step"), training.batch_size),
        Row(
            "tokens",
            _("Tokens per step"),
            training.batch_size * training.max_seq_length,
            _("At most: most examples are shorter."),
        ),
    ]


@rows.register
def _ppo(training: PPOTraining, spec: specs.PPOSpec) -> list[Row]:
    processes = spec.runtime.processes
    accumulation = training.mini_batch_size // (training.micro_batch_size * processes)
    updates = training.batch_size // training.mini_batch_size * training.ppo_epochs
    longest = training.max_prompt_length + training.response_length
    return [
        Row("micro_batch", _("Answers of a micro-batch"), training.micro_batch_size),
        Row("accumulation", _("Micro-batches per update and process"), accumulation),
        Row("processes", _("Processes"), processes),
        Row("update", _("Answers per update"), training.mini_batch_size),
        Row("sequences", _("Answers per step"), training.batch_size),
        Row("updates", _("Updates per step"), updates),
        Row(
            "tokens",
            _("Tokens per step"),
            training.batch_size * longest,
            _("At most, with the prompts: most are shorter."),
        ),
    ]
