"""Scales: how a recipe is cut to the machine at hand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

from django.db import models
from django.utils.translation import gettext_lazy as _

from llmhub.recipes.estimate import (
    Device,
    count_parameters,
    estimate,
    micro_batches_per_step,
)
from llmhub.recipes.specs import (
    GPT2Model,
    LlamaModel,
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

SMOKE_WIDTH = 128
SMOKE_LAYERS = 4
SMOKE_HEADS = 4
SMOKE_CONTEXT = 128
SMOKE_VOCABULARY = 512
SMOKE_SEQUENCES = 8
SMOKE_STEPS = 600
SMOKE_WARMUP = 20
SMOKE_LEARNING_RATE = 2e-3


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
        "A small model of the same architecture and proportions. It learns on a laptop in about "
        "two minutes and shows that everything works."
    ),
}


def apply(spec: Spec, scale: str, device: Device | None) -> Spec:
    """The preset of a scale. Only pretraining is cut; without a device there is nothing to fit."""
    if not isinstance(spec, PretrainSpec):
        return spec
    if scale == Scale.SMOKE:
        return smoke(spec, device)
    if scale == Scale.FIT and device is not None:
        return fit(spec, device)
    return spec


def fits(memory_bytes: int, device: Device) -> bool:
    return memory_bytes <= USABLE_MEMORY * device.memory_bytes


def fit(spec: PretrainSpec, device: Device) -> PretrainSpec:
    """The first way of computing the same steps that fits, or the leanest where none does."""
    candidate = spec
    for candidate in same_steps(spec, device):
        if fits(estimate(candidate, device).memory_bytes, device):
            break
    return candidate


def same_steps(spec: PretrainSpec, device: Device) -> Iterator[PretrainSpec]:
    """Ways to compute the recipe's steps, the fastest first: the batch stays the same sequences."""
    per_device = estimate(spec, device).effective_batch_sequences // device.count
    as_is, always = spec.runtime, {"activation_checkpointing": True}
    ways = [as_is, change(as_is, precision="bf16"), change(as_is, precision="bf16", **always)]
    for runtime in dict.fromkeys(ways):
        for micro in micro_batches(per_device, spec.model.context_length):
            training = with_micro_batch(spec, micro, per_device // micro, device.count)
            yield change(spec, runtime=runtime, training=training)


def micro_batches(sequences: int, context: int) -> list[int]:
    """The micro-batches that divide the batch of one device, the largest first."""
    largest = min(sequences, max(1, MAX_MICRO_BATCH_TOKENS // context))
    return [size for size in range(largest, 0, -1) if sequences % size == 0]


def with_micro_batch(
    spec: PretrainSpec, micro: int, accumulation: int, devices: int
) -> PretrainTraining:
    """“auto” where that comes to the same sequences, else the number that does."""
    auto = change(spec.training, micro_batch_size=micro, gradient_accumulation_steps="auto")
    if micro_batches_per_step(auto, spec.model.context_length, devices) == accumulation:
        return auto
    return change(auto, gradient_accumulation_steps=accumulation)


def smoke(spec: PretrainSpec, device: Device | None) -> PretrainSpec:
    model = shrink(spec.model)
    if count_parameters(spec.model) <= count_parameters(model):
        model = spec.model
    return change(
        spec,
        model=model,
        training=smoke_training(spec.training, model.context_length),
        runtime=smoke_runtime(spec.runtime, device),
    )


@singledispatch
def shrink(model: GPT2Model | LlamaModel) -> GPT2Model | LlamaModel:
    """A small model with the proportions of this one."""
    raise TypeError(f"No small form of {type(model).__name__}.")


@shrink.register
def _shrink_gpt2(model: GPT2Model) -> GPT2Model:
    return change(
        model,
        vocab_size=min(SMOKE_VOCABULARY, model.vocab_size),
        n_positions=min(SMOKE_CONTEXT, model.n_positions),
        n_embd=SMOKE_WIDTH,
        n_layer=min(SMOKE_LAYERS, model.n_layer),
        n_head=SMOKE_HEADS,
        n_inner=max(8, round(model.n_inner * SMOKE_WIDTH / model.n_embd)),
        # So few steps see each text about once: nothing to regularise.
        dropout=0.0,
    )


@shrink.register
def _shrink_llama(model: LlamaModel) -> LlamaModel:
    queries_per_key = model.num_attention_heads // model.num_key_value_heads
    heads = smoke_heads(queries_per_key)
    return change(
        model,
        vocab_size=min(SMOKE_VOCABULARY, model.vocab_size),
        max_position_embeddings=min(SMOKE_CONTEXT, model.max_position_embeddings),
        hidden_size=SMOKE_WIDTH,
        num_hidden_layers=min(SMOKE_LAYERS, model.num_hidden_layers),
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // queries_per_key),
        intermediate_size=max(8, round(model.intermediate_size * SMOKE_WIDTH / model.hidden_size)),
        attention_dropout=0.0,
    )


def smoke_heads(queries_per_key: int) -> int:
    """Heads that divide the small width and keep the sharing of key/value heads where they can."""
    choices = [heads for heads in (4, 8, 16, 32) if heads % queries_per_key == 0]
    return choices[0] if choices else SMOKE_HEADS


def smoke_training(training: PretrainTraining, context: int) -> PretrainTraining:
    sequences = SMOKE_SEQUENCES
    steps = min(SMOKE_STEPS, training.max_steps)
    in_tokens = training.batch_size is None
    return change(
        training,
        batch_size=None if in_tokens else sequences,
        global_batch_size=sequences * context if in_tokens else None,
        micro_batch_size=sequences,
        gradient_accumulation_steps="auto",
        learning_rate=SMOKE_LEARNING_RATE,
        # The rate falls by the same factor as in the recipe.
        min_lr=rounded(SMOKE_LEARNING_RATE * training.min_lr / training.learning_rate),
        warmup_steps=min(SMOKE_WARMUP, steps),
        max_steps=steps,
    )


def rounded(value: float) -> float:
    """To six digits, which is what a person can read."""
    return float(f"{value:.6g}")


def smoke_runtime(runtime: Runtime, device: Device | None) -> Runtime:
    on_gpu = device is not None and device.kind != "cpu"
    return change(
        runtime,
        precision=runtime.precision if on_gpu else "fp32",
        activation_checkpointing=False,
        compile=False,
        eval_every=50,
        eval_sequences=160,
        checkpoint_every=200,
        log_every=1,
    )
