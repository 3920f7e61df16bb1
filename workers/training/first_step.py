"""The model of a spec and a batch of zeros, to be looked at under fake tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from llmhub.recipes.alignment_estimate import work_of, written_bytes
from llmhub.recipes.estimate import gathered_bytes, micro_batches_per_step
from llmhub.recipes.specs import (
    DPOSpec,
    GPT2Model,
    LlamaModel,
    LoRA,
    PPOSpec,
    PretrainSpec,
    RewardSpec,
    Runtime,
    SFTSpec,
    Spec,
)
from workers.training import models
from workers.training.models import lora
from workers.training.models.heads import PolicyValue, Scorer
from workers.training.models.prepare import prepare
from workers.training.objectives import Batch, Loss, Objective
from workers.training.objectives.dpo import DPO
from workers.training.objectives.logps import token_logps
from workers.training.objectives.ppo import entropy
from workers.training.objectives.pretrain import Pretrain
from workers.training.objectives.reward import Reward

_SHAPES: TypeAdapter[GPT2Model | LlamaModel] = TypeAdapter(GPT2Model | LlamaModel)


@dataclass(frozen=True)
class FirstStep:
    module: nn.Module
    objective: Objective
    batch: Callable[[], Batch]
    micro_batches: int  # of a step
    # Models beside the one that learns.
    frozen: tuple[nn.Module, ...] = ()
    # Bytes of what is written before the step is learned from.
    written_bytes: int = 0

    # Of weights that a process has whole where the others are divided.
    gathered_bytes: int = 0

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def learning(self) -> int:
        return sum(p.numel() for p in self.module.parameters() if p.requires_grad)

    @property
    def frozen_bytes(self) -> int:
        return sum(p.nbytes for module in self.frozen for p in module.parameters())


@dataclass(frozen=True)
class Builder:
    """Makes the models of a base of a known shape."""

    shape: dict[str, Any]
    runtime: Runtime
    device: torch.device
    attention: str

    @property
    def model(self) -> GPT2Model | LlamaModel:
        return _SHAPES.validate_python(self.shape["model"])

    def writer(self, adapters: LoRA) -> Any:
        model = models.build(self.model, self.runtime, self.device, self.attention)
        if self.shape.get("is_tied"):
            model.config.tie_word_embeddings = True
            model.set_output_embeddings(_head_of(model))
        return self.adapted(model, adapters)

    def adapted(self, model: Any, adapters: LoRA) -> Any:
        if not adapters.rank:
            return model
        with self.device, _where_they_are():
            return lora.add_adapters(model, adapters)

    def scorer(self) -> Scorer:
        config = models.config_of(self.model)
        config.num_labels = 1
        config.pad_token_id = 0
        with self.device:
            model: PreTrainedModel = AutoModelForSequenceClassification.from_config(
                config, dtype=torch.float32, attn_implementation=self.attention
            )
        prepare(model, self.runtime)
        return Scorer(model)


@contextmanager
def _where_they_are() -> Iterator[None]:
    """peft moves new adapters to the device of their layer, on which they are made already: fake
    tensors cannot be moved."""
    move = nn.Module.to
    nn.Module.to = lambda self, *arguments, **named: self  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.to = move  # type: ignore[method-assign]


def _head_of(model: PreTrainedModel) -> nn.Module:
    """An output layer that is the input embedding."""
    head: nn.Module = model.get_output_embeddings()
    head.weight = model.get_input_embeddings().weight
    return head


def first_step(
    spec: Spec, shape: dict[str, Any] | None, device: torch.device, attention: str
) -> FirstStep:
    builder = Builder(shape or {}, spec.runtime, device, attention)
    model = spec.model if isinstance(spec, PretrainSpec) else builder.model
    return replace(_first_step(spec, builder), gathered_bytes=gathered_bytes(model))


@singledispatch
def _first_step(spec: Spec, builder: Builder) -> FirstStep:
    raise TypeError(f"No first step of {type(spec).__name__}.")


@_first_step.register
def _(spec: PretrainSpec, builder: Builder) -> FirstStep:
    context, training = spec.model.context_length, spec.training
    model = models.build(spec.model, spec.runtime, builder.device, builder.attention)
    tokens = training.micro_batch_size, context + 1
    return FirstStep(
        model,
        Pretrain(),
        lambda: {"tokens": _zeros(builder, *tokens)},
        micro_batches_per_step(training, context, spec.runtime.processes),
    )


@_first_step.register
def _(spec: SFTSpec, builder: Builder) -> FirstStep:
    """As if every token were learned: how many are is for the data to say."""
    training = spec.training
    tokens = training.micro_batch_size, training.max_seq_length
    return FirstStep(
        builder.writer(spec.lora),
        Pretrain(),
        lambda: {"tokens": _zeros(builder, *tokens)},
        _micro_batches(spec),
    )


@_first_step.register
def _(spec: RewardSpec, builder: Builder) -> FirstStep:
    scorer = builder.scorer()
    builder.adapted(scorer.classifier, spec.lora)
    return FirstStep(scorer, Reward(), lambda: _pairs(spec, builder), _micro_batches(spec))


@_first_step.register
def _(spec: DPOSpec, builder: Builder) -> FirstStep:
    training = spec.training
    return FirstStep(
        builder.writer(spec.lora),
        DPO(training.beta, training.label_smoothing),
        lambda: _pairs(spec, builder),
        _micro_batches(spec),
    )


@_first_step.register
def _(spec: PPOSpec, builder: Builder) -> FirstStep:
    training = spec.training
    policy = builder.writer(spec.lora)
    frozen: list[nn.Module] = [builder.scorer().requires_grad_(False)]
    if not spec.lora.rank:
        frozen.append(copy.deepcopy(policy).requires_grad_(False))
    tokens = training.micro_batch_size, training.max_prompt_length + training.response_length
    micro_batches = training.mini_batch_size // (training.micro_batch_size * spec.runtime.processes)
    return FirstStep(
        PolicyValue(policy),
        _EveryToken(training.temperature),
        lambda: {"tokens": _zeros(builder, *tokens)},
        micro_batches,
        tuple(frozen),
        written_bytes(builder.model, work_of(spec)),
    )


@dataclass(frozen=True)
class _EveryToken(Pretrain):
    """PPO as if prompts were answers, too: where those begin is for the data to say."""

    temperature: float

    def loss(self, model: nn.Module, batch: Batch) -> Loss:
        logits, values = model(batch["tokens"])
        logps = token_logps(logits, batch["tokens"], self.temperature)
        with torch.no_grad():
            entropies = entropy(logits[:, :-1].clone(), self.temperature)
        return Loss(values.sum() - logps.sum() + entropies.sum())


def _pairs(spec: RewardSpec | DPOSpec, builder: Builder) -> Batch:
    rows, length = 2 * spec.training.micro_batch_size, spec.training.max_seq_length
    return {
        "tokens": _zeros(builder, rows, length),
        "loss_mask": _zeros(builder, rows, length).bool(),
        "lengths": _zeros(builder, rows) + 1,
        "reference_logps": _zeros(builder, rows).float(),
    }


def _micro_batches(spec: SFTSpec | RewardSpec | DPOSpec) -> int:
    at_once = spec.training.micro_batch_size * spec.runtime.processes
    return spec.training.batch_size // at_once


def _zeros(builder: Builder, *shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.long, device=builder.device)
