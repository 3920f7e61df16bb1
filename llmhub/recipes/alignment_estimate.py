"""What SFT, a reward model, DPO and PPO will need, from the shape of their base model.

The same arithmetic as for pretraining, with what each does besides: a reference that is looked at
once (DPO) or kept (PPO without adapters), a reward model, answers that have to be written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from llmhub.recipes.estimate import (
    ADAMW_MOMENTS,
    FORWARD_FLOPS,
    FP32,
    Device,
    Estimate,
    activations,
    count_parameters,
    divide_up,
    key_value_width,
    training_flops,
)
from llmhub.recipes.shapes import Shape
from llmhub.recipes.specs import (
    AlignmentSpec,
    DPOSpec,
    GPT2Model,
    LlamaModel,
    LoRA,
    PPOSpec,
    RewardSpec,
    SFTSpec,
)


@dataclass(frozen=True)
class Work:
    """One step of an alignment."""

    rows: int  # of the batch, over all devices
    at_once: int  # rows of a micro-batch
    sequences_per_row: int
    length: int  # tokens, at most
    passes: int = 1  # with gradients, over each sequence
    # Tokens of a sequence that pass forward besides, all models together in whole models.
    forward_passes: float = 0.0
    # Frozen models kept in memory, in whole models.
    frozen: int = 0
    steps: int | None = None


@singledispatch
def work_of(spec: AlignmentSpec) -> Work:
    raise TypeError(f"No work of {type(spec).__name__}.")


@work_of.register
def _(spec: SFTSpec) -> Work:
    training = spec.training
    return Work(
        training.batch_size,
        training.micro_batch_size,
        1,
        training.max_seq_length,
        steps=training.max_steps,
    )


@work_of.register(RewardSpec)
@work_of.register(DPOSpec)
def _(spec: RewardSpec | DPOSpec) -> Work:
    training = spec.training
    return Work(
        training.batch_size,
        training.micro_batch_size,
        2,
        training.max_seq_length,
        # The reference has given its probabilities before the first step, once for each pair.
        forward_passes=1 / training.epochs if isinstance(spec, DPOSpec) else 0.0,
        steps=training.max_steps,
    )


@work_of.register
def _(spec: PPOSpec) -> Work:
    """Writing, then the policy, the reference and the reward model look at every answer."""
    training = spec.training
    return Work(
        training.batch_size,
        training.micro_batch_size,
        1,
        training.max_prompt_length + training.response_length,
        passes=training.ppo_epochs,
        forward_passes=4,
        frozen=1 if spec.lora.rank else 2,
        steps=training.max_steps,
    )


def alignment_estimate(
    spec: AlignmentSpec, shape: Shape, device: Device | None = None, rows: int | None = None
) -> Estimate:
    """`rows`: of the data, without those for validation; steps are 0 where they alone decide."""
    work = work_of(spec)
    parameters = parameters_of(shape)
    learning = adapters(shape.model, spec.lora) if spec.lora.rank else parameters
    steps = steps_of(spec, work, rows)
    tokens_per_step = work.rows * work.sequences_per_row * work.length
    per_token = work.passes * training_flops(parameters, learning, spec.runtime)
    per_token += round(work.forward_passes * FORWARD_FLOPS * parameters)
    tokens_at_once = work.at_once * work.sequences_per_row * work.length
    all_weights = parameters + (learning if spec.lora.rank else 0)
    return Estimate(
        parameters=parameters,
        context_length=work.length,
        accumulation=work.rows // (work.at_once * spec.runtime.processes),
        effective_batch_sequences=work.rows,
        requested_batch_sequences=work.rows,
        tokens_per_step=tokens_per_step,
        steps=steps,
        total_tokens=tokens_per_step * steps,
        flops=per_token * tokens_per_step * steps,
        weights_bytes=FP32 * all_weights,
        gradients_bytes=FP32 * learning,
        optimizer_bytes=ADAMW_MOMENTS * FP32 * learning,
        activations_bytes=activations(shape.model, spec.runtime, tokens_at_once, device),
        learning=learning,
        frozen_bytes=work.frozen * FP32 * parameters,
    )


def steps_of(spec: AlignmentSpec, work: Work, rows: int | None) -> int:
    """As the trainer counts: the last batch of all epochs is filled up from the next one."""
    size = rows or spec.data.dataset_size
    if size is None:
        return work.steps or 0
    steps = divide_up(size * spec.training.epochs, work.rows)
    return min(steps, work.steps or steps)


def parameters_of(shape: Shape) -> int:
    count = count_parameters(shape.model)
    if isinstance(shape.model, LlamaModel) and shape.is_tied:
        count -= shape.model.vocab_size * shape.model.hidden_size
    return count


def adapters(model: GPT2Model | LlamaModel, lora: LoRA) -> int:
    """Rank x (inputs + outputs) of every layer that gets an adapter (Hu et al. 2021)."""
    layers = attention_layers(model)
    if lora.targets == "all_linear":
        layers += feed_forward_layers(model)
    blocks = model.n_layer if isinstance(model, GPT2Model) else model.num_hidden_layers
    return blocks * lora.rank * sum(inputs + outputs for inputs, outputs in layers)


def attention_layers(model: GPT2Model | LlamaModel) -> list[tuple[int, int]]:
    """(inputs, outputs) of each matrix of a block's attention."""
    if isinstance(model, GPT2Model):
        return [(model.n_embd, 3 * model.n_embd), (model.n_embd, model.n_embd)]
    width, of_keys = model.hidden_size, key_value_width(model)
    return [(width, width), (width, of_keys), (width, of_keys), (width, width)]


def feed_forward_layers(model: GPT2Model | LlamaModel) -> list[tuple[int, int]]:
    if isinstance(model, GPT2Model):
        return [(model.n_embd, model.n_inner), (model.n_inner, model.n_embd)]
    width, inner = model.hidden_size, model.intermediate_size
    return [(width, inner), (width, inner), (inner, width)]
