"""What a training will need, by arithmetic alone: no Django and no torch.

Parameters are exact. Operations are the usual 2 x parameters for a token's way forward, as much
for the gradient of what passes through, and as much again for that of each weight that learns
(Kaplan et al. 2020, section 2.1): 6 x parameters x tokens where all of them do. The bytes of
weights, gradients and optimizer are exact for our trainer: fp32 weights and gradients, and AdamW's
two fp32 moments, in both precisions. Activations are an approximation that a probe later replaces.
Activation checkpointing goes forward a second time (Chen et al. 2016). With adapters the frozen
weights pass gradients on and have none of their own (Hu et al. 2021): 4 x parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch

from llmhub.recipes.specs import GPT2Model, LlamaModel, PretrainSpec, PretrainTraining, Runtime

FP32 = 4
ADAMW_MOMENTS = 2
# Forward, and backward through the activations, per parameter and token; backward into a weight,
# per parameter that learns and token.
FORWARD_FLOPS = 2
BACKWARD_FLOPS = 2
GRADIENT_FLOPS = 2

# Attention with dropout has no fused kernel on a CPU: scores, probabilities and what dropout left
# of them stay in memory, for every pair of positions.
ATTENTION_PAIR_BYTES = 3 * FP32
# Bytes per token at the peak of the backward pass for each row of the vocabulary: fp32 logits,
# their log-softmax and their gradient.
HEAD_BYTES = 3 * FP32

# What a trainer's process takes besides what it trains, by kind of device. On a processor Python,
# torch and transformers lie in the same memory: 426 to 471 MB, whatever is trained, found by
# `python -m tests.bench.process_memory` (Linux, torch 2.13 for CPUs, transformers 5.23). Elsewhere
# they lie in the machine's memory, and the peak that torch tells of a device leaves the driver's
# own part out, too: that is in the share which no run may plan with.
PROCESS_BYTES = {"cpu": 440 * 10**6}


@dataclass(frozen=True)
class Device:
    """What one process of a run may use on a worker; on a processor all share the memory."""

    kind: str
    name: str
    memory_bytes: int
    # Of the processor that a run may use beside it, or on its own.
    cores: int = 1


def process_bytes(device: Device | None) -> int:
    return PROCESS_BYTES.get(device.kind, 0) if device else 0


@dataclass(frozen=True)
class Estimate:
    parameters: int
    context_length: int
    # Micro-batches per process and step, and what they add up to over all processes.
    accumulation: int
    effective_batch_sequences: int
    # What the recipe asked for, before rounding up to whole micro-batches.
    requested_batch_sequences: int
    tokens_per_step: int
    steps: int
    total_tokens: int
    flops: int
    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    # An approximation; the others are exact.
    activations_bytes: int
    # Those that learn: fewer than all with adapters.
    learning: int = 0
    # Frozen models beside the one that learns: a reference, a reward model.
    frozen_bytes: int = 0

    @property
    def memory_bytes(self) -> int:
        """Per device, at the peak, of what is trained alone."""
        return (
            self.weights_bytes
            + self.frozen_bytes
            + self.gradients_bytes
            + self.optimizer_bytes
            + self.activations_bytes
        )

    @property
    def rounds_up(self) -> bool:
        return self.effective_batch_sequences != self.requested_batch_sequences


def divide_up(amount: int, unit: int) -> int:
    """How many whole units hold the amount."""
    return -(-amount // unit)


def requested_sequences(training: PretrainTraining, context: int) -> int:
    """Sequences per step as the recipe asks; a batch in tokens fills whole sequences."""
    if training.batch_size is not None:
        return training.batch_size
    assert training.global_batch_size is not None  # held by the spec's own check
    return divide_up(training.global_batch_size, context)


def micro_batches_per_step(training: PretrainTraining, context: int, processes: int = 1) -> int:
    """Gradient accumulation of each process: as given, or as many as fill the batch, rounded up."""
    if training.gradient_accumulation_steps != "auto":
        return training.gradient_accumulation_steps
    wanted = requested_sequences(training, context)
    return divide_up(wanted, training.micro_batch_size * processes)


@singledispatch
def count_parameters(model: GPT2Model | LlamaModel) -> int:
    """Trainable parameters, exactly as `transformers` builds the model."""
    raise TypeError(f"No parameter count for {type(model).__name__}.")


@count_parameters.register
def _(model: GPT2Model) -> int:
    width, inner = model.n_embd, model.n_inner
    norms = 2 * 2 * width
    attention = 4 * width * width + 4 * width
    feed_forward = 2 * width * inner + inner + width
    # The output layer shares the token embedding.
    embeddings = (model.vocab_size + model.n_positions) * width
    final_norm = 2 * width
    return embeddings + model.n_layer * (norms + attention + feed_forward) + final_norm


@count_parameters.register
def _(model: LlamaModel) -> int:
    width = model.hidden_size
    norms = 2 * width
    attention = 2 * width * width + 2 * width * key_value_width(model)
    feed_forward = 3 * width * model.intermediate_size
    # Input and output have an embedding each.
    embeddings = 2 * model.vocab_size * width
    return embeddings + model.num_hidden_layers * (norms + attention + feed_forward) + width


@singledispatch
def embedding_parameters(model: GPT2Model | LlamaModel) -> int:
    """Of these, the tables that look tokens and positions up, and the output layer."""
    raise TypeError(f"No parameter count for {type(model).__name__}.")


@embedding_parameters.register
def _(model: GPT2Model) -> int:
    return (model.vocab_size + model.n_positions) * model.n_embd


@embedding_parameters.register
def _(model: LlamaModel) -> int:
    return 2 * model.vocab_size * model.hidden_size


def key_value_width(model: LlamaModel) -> int:
    return model.hidden_size // model.num_attention_heads * model.num_key_value_heads


@singledispatch
def bytes_per_token_and_layer(model: GPT2Model | LlamaModel, precision: str) -> int:
    """What autograd keeps of one token in one block, measured on uncompiled models.

    The factors come from summing the saved tensors of `transformers` 5.23 while one dimension of
    the model varies at a time. Half precision saves less than half: norms and residuals stay fp32.
    """
    raise TypeError(f"No activation count for {type(model).__name__}.")


@bytes_per_token_and_layer.register
def _(model: GPT2Model, precision: str) -> int:
    masks = bool(model.dropout)
    if precision == "bf16":
        return (20 + 4 * masks) * model.n_embd + 4 * model.n_inner
    return (32 + 8 * masks) * model.n_embd + 8 * model.n_inner


@bytes_per_token_and_layer.register
def _(model: LlamaModel, precision: str) -> int:
    if precision == "bf16":
        return 36 * model.hidden_size + 6 * key_value_width(model) + 8 * model.intermediate_size
    return 32 * model.hidden_size + 8 * key_value_width(model) + 16 * model.intermediate_size


def shape(model: GPT2Model | LlamaModel) -> tuple[int, int]:
    """(layers, width)."""
    if isinstance(model, GPT2Model):
        return model.n_layer, model.n_embd
    return model.num_hidden_layers, model.hidden_size


def attention_pairs_bytes(model: GPT2Model | LlamaModel, device: Device | None) -> int:
    """Per token and block, where attention is not fused."""
    if device is None or device.kind != "cpu":
        return 0
    heads, dropout = attention(model)
    return ATTENTION_PAIR_BYTES * heads * model.context_length if dropout else 0


def attention(model: GPT2Model | LlamaModel) -> tuple[int, float]:
    """(heads, share of the attention weights that is dropped)."""
    if isinstance(model, GPT2Model):
        return model.n_head, model.dropout
    return model.num_attention_heads, model.attention_dropout


def activations(
    model: GPT2Model | LlamaModel,
    runtime: Runtime,
    tokens: int,
    device: Device | None,
    *,
    writes: bool = True,
) -> int:
    """About how many bytes one micro-batch of so many tokens keeps for the backward pass.

    `writes`: with logits over the vocabulary, as all but a reward model.
    """
    layers, width = shape(model)
    per_layer = bytes_per_token_and_layer(model, runtime.precision)
    per_layer += attention_pairs_bytes(model, device)
    if runtime.activation_checkpointing:
        # Each block keeps its input, and one block at a time is computed again.
        blocks = layers * width * FP32 + per_layer
    else:
        blocks = layers * per_layer
    head = HEAD_BYTES * model.vocab_size if writes else 0
    # Autocast keeps a 16-bit copy of every weight until the step is done.
    copies = 2 * count_parameters(model) if runtime.precision == "bf16" else 0
    return tokens * (blocks + head) + copies


@dataclass(frozen=True)
class States:
    """Bytes on one device of what lives as long as the training."""

    weights: int
    gradients: int
    optimizer: int


def states(runtime: Runtime, whole: States, accumulation: int, gathered: int) -> States:
    """What each of several processes keeps, of what one alone would.

    As copies (DDP), gradients travel in buckets that are as large as they. Divided (FSDP2), a
    process has its part, `gathered` bytes of weights that it computes with, and between two
    micro-batches the whole gradients: they travel with the last one.
    """
    if runtime.processes == 1:
        return whole
    if runtime.strategy == "ddp":
        return replace(whole, gradients=2 * whole.gradients)
    parts = runtime.processes
    return States(
        weights=divide_up(whole.weights, parts) + gathered,
        gradients=whole.gradients if accumulation > 1 else divide_up(whole.gradients, parts),
        optimizer=divide_up(whole.optimizer, parts),
    )


def gathered_bytes(model: GPT2Model | LlamaModel) -> int:
    """Of weights that FSDP2 has whole: what is no block, and two blocks, of which one is on its
    way while the other computes."""
    layers, width = shape(model)
    everything = count_parameters(model)
    embeddings = model.vocab_size * width * (1 if isinstance(model, GPT2Model) else 2)
    return FP32 * (embeddings + 2 * divide_up(everything - embeddings, layers))


def estimate(spec: PretrainSpec, device: Device | None = None) -> Estimate:
    """On any accelerator where no device is named."""
    training, context = spec.training, spec.model.context_length
    processes = spec.runtime.processes
    parameters = count_parameters(spec.model)
    accumulation = micro_batches_per_step(training, context, processes)
    sequences = accumulation * training.micro_batch_size * processes
    tokens_per_step = sequences * context
    total_tokens = tokens_per_step * training.max_steps
    tokens = training.micro_batch_size * context
    held = states(
        spec.runtime, learning_states(parameters), accumulation, gathered_bytes(spec.model)
    )
    return Estimate(
        parameters=parameters,
        context_length=context,
        accumulation=accumulation,
        effective_batch_sequences=sequences,
        requested_batch_sequences=requested_sequences(training, context),
        tokens_per_step=tokens_per_step,
        steps=training.max_steps,
        total_tokens=total_tokens,
        flops=training_flops(parameters, parameters, spec.runtime) * total_tokens,
        weights_bytes=held.weights,
        gradients_bytes=held.gradients,
        optimizer_bytes=held.optimizer,
        activations_bytes=activations(spec.model, spec.runtime, tokens, device),
        learning=parameters,
    )


def learning_states(learning: int, frozen: int = 0) -> States:
    """Of weights that learn, beside some of the same model that do not."""
    return States(
        weights=FP32 * (learning + frozen),
        gradients=FP32 * learning,
        optimizer=ADAMW_MOMENTS * FP32 * learning,
    )


def training_flops(parameters: int, learning: int, runtime: Runtime) -> int:
    """Per token. Activation checkpointing goes forward a second time."""
    forward = FORWARD_FLOPS * (2 if runtime.activation_checkpointing else 1)
    return (forward + BACKWARD_FLOPS) * parameters + GRADIENT_FLOPS * learning
