"""What SFT, a reward model, DPO and PPO will need, from the shape of their base model.

The same arithmetic as for pretraining, with what each does besides: a reference that is looked at
once (DPO) or kept (PPO without adapters), a reward model, answers that have to be written. The
reward model is taken to be as large as the policy, whose tokenizer it shares.

Tokens are counted as the trainer does: each time that something is learned from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from llmhub.recipes.estimate import (
    FORWARD_FLOPS,
    FP32,
    Device,
    Estimate,
    activations,
    count_parameters,
    divide_up,
    gathered_bytes,
    key_value_width,
    learning_states,
    shape,
    states,
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

    rows: int  # of the batch, over all processes
    update_rows: int  # of the batch that one optimizer step learns from
    at_once: int  # rows of a micro-batch
    sequences_per_row: int
    length: int  # tokens, at most
    passes: int = 1  # with gradients, over each sequence
    # Without gradients, over each sequence, by all models together.
    forward_passes: float = 0.0
    # Models kept in memory beside the one that learns.
    frozen: int = 0
    steps: int | None = None
    # Rows that are written side by side.
    written: int = 0


@singledispatch
def work_of(spec: AlignmentSpec) -> Work:
    raise TypeError(f"No work of {type(spec).__name__}.")


@work_of.register
def _(spec: SFTSpec) -> Work:
    training = spec.training
    return Work(
        training.batch_size,
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
        training.mini_batch_size,
        training.micro_batch_size,
        1,
        training.max_prompt_length + training.response_length,
        passes=training.ppo_epochs,
        forward_passes=4,
        frozen=1 if spec.lora.rank else 2,
        steps=training.max_steps,
        # Each process writes its part, in portions of a mini-batch at most.
        written=min(training.mini_batch_size, training.batch_size // spec.runtime.processes),
    )


def alignment_estimate(
    spec: AlignmentSpec, base: Shape, device: Device | None = None, rows: int | None = None
) -> Estimate:
    """`rows`: of the data; steps are 0 where they alone decide and are not known."""
    work, runtime = work_of(spec), spec.runtime
    parameters, has_adapters = parameters_of(base), bool(spec.lora.rank)
    learning = adapters(base.model, spec.lora) if has_adapters else parameters
    steps = steps_of(spec, work, rows)
    tokens_per_step = work.passes * work.rows * work.sequences_per_row * work.length
    per_token = training_flops(parameters, learning, runtime)
    per_token += round(work.forward_passes / work.passes * FORWARD_FLOPS * parameters)
    accumulation = work.update_rows // (work.at_once * runtime.processes)
    whole = learning_states(learning, parameters if has_adapters else 0)
    held = states(runtime, whole, accumulation, gathered_bytes(base.model))
    waiting = activations(
        base.model,
        runtime,
        work.at_once * work.sequences_per_row * work.length,
        device,
        writes=not isinstance(spec, RewardSpec),
    )
    return Estimate(
        parameters=parameters,
        context_length=work.length,
        accumulation=accumulation,
        effective_batch_sequences=work.rows,
        requested_batch_sequences=work.rows,
        tokens_per_step=tokens_per_step,
        steps=steps,
        total_tokens=tokens_per_step * steps,
        flops=per_token * tokens_per_step * steps,
        weights_bytes=held.weights,
        gradients_bytes=held.gradients,
        optimizer_bytes=held.optimizer,
        # While answers are written no gradients are there.
        activations_bytes=max(waiting, written_bytes(base.model, work) - held.gradients),
        learning=learning,
        frozen_bytes=work.frozen * FP32 * parameters,
    )


def written_bytes(model: GPT2Model | LlamaModel, work: Work) -> int:
    """Keys and values of the answers that are written side by side, in 32 bits."""
    layers, width = shape(model)
    of_keys = key_value_width(model) if isinstance(model, LlamaModel) else width
    return work.written * work.length * layers * 2 * of_keys * FP32


def steps_of(spec: AlignmentSpec, work: Work, rows: int | None) -> int:
    """As the trainer counts: the last batch of all epochs is filled up from the next one."""
    size = rows or spec.data.dataset_size
    if size is None:
        return work.steps or 0
    learned = round(size * (1 - spec.data.validation_share))
    steps = divide_up(learned * spec.training.epochs, work.rows)
    return min(steps, work.steps or steps)


def parameters_of(base: Shape) -> int:
    count = count_parameters(base.model)
    if isinstance(base.model, LlamaModel) and base.is_tied:
        count -= base.model.vocab_size * base.model.hidden_size
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
