"""The smallest scale: a recipe in a few minutes on a laptop, to see that everything works.

No Django here.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, TypeVar

from llmhub.lib.model_reference import TINY, Kind, Reference
from llmhub.recipes.estimate import Device, count_parameters
from llmhub.recipes.specs import (
    DPOSpec,
    FineTuning,
    GPT2Model,
    LlamaModel,
    Optimizer,
    PPOSpec,
    PretrainSpec,
    PretrainTraining,
    RewardSpec,
    Runtime,
    Samples,
    SFTSpec,
    Spec,
    change,
)

SMOKE_WIDTH = 128
SMOKE_LAYERS = 4
SMOKE_HEADS = 4
SMOKE_CONTEXT = 128
SMOKE_VOCABULARY = 512
SMOKE_SEQUENCES = 8
SMOKE_STEPS = 600
SMOKE_WARMUP = 20
SMOKE_LEARNING_RATE = 2e-3

T = TypeVar("T", bound=FineTuning)

# What aligns a small model: the steps decide when it is over, however small the dataset.
MANY_EPOCHS = 100
BASE_MODEL = str(Reference(Kind.DEMO, TINY))
# PPO writes its answers token by token, which takes most of its time.
PPO_BATCH = 16
PPO_MINI_BATCH = 8
PPO_STEPS = 25
# Prompt and answer together are shorter than the context of a small model.
PROMPT_LENGTH = 64
RESPONSE_LENGTH = 24
SAMPLE_LENGTH = 32


@singledispatch
def smoke(spec: Spec, device: Device | None) -> Spec:
    """The same kind of training, with everything small."""
    raise TypeError(f"No small form of {type(spec).__name__}.")


@smoke.register
def _pretrain(spec: PretrainSpec, device: Device | None) -> PretrainSpec:
    model = shrink(spec.model)
    if count_parameters(spec.model) <= count_parameters(model):
        model = spec.model
    return change(
        spec,
        model=model,
        training=smoke_training(spec.training, model.context_length),
        runtime=smoke_runtime(spec.runtime, device),
        samples=smoke_samples(spec.samples, every=200, context=model.context_length),
    )


@smoke.register
def _sft(spec: SFTSpec, device: Device | None) -> SFTSpec:
    return change(
        spec,
        model=change(spec.model, base_model=BASE_MODEL),
        training=few_examples(spec.training, learning_rate=1e-3, steps=200),
        runtime=smoke_runtime(spec.runtime, device, checkpoint_every=100),
        samples=smoke_samples(spec.samples, every=50),
    )


@smoke.register
def _reward(spec: RewardSpec, device: Device | None) -> RewardSpec:
    return change(
        spec,
        model=change(spec.model, base_model=BASE_MODEL),
        training=few_examples(spec.training, learning_rate=5e-4, steps=150),
        runtime=smoke_runtime(spec.runtime, device, checkpoint_every=50),
    )


@smoke.register
def _dpo(spec: DPOSpec, device: Device | None) -> DPOSpec:
    return change(
        spec,
        model=change(spec.model, base_model=BASE_MODEL),
        training=few_examples(
            spec.training,
            learning_rate=1e-4,
            steps=150,
            max_prompt_length=min(PROMPT_LENGTH, spec.training.max_prompt_length),
        ),
        runtime=smoke_runtime(spec.runtime, device, checkpoint_every=50),
        samples=smoke_samples(spec.samples, every=50),
    )


@smoke.register
def _ppo(spec: PPOSpec, device: Device | None) -> PPOSpec:
    """The reward model stays: it has to be made for the base model, so a person chooses it."""
    training = spec.training
    return change(
        spec,
        model=change(spec.model, base_model=BASE_MODEL),
        training=change(
            training,
            epochs=MANY_EPOCHS,
            max_steps=min(PPO_STEPS, training.max_steps or PPO_STEPS),
            batch_size=PPO_BATCH,
            mini_batch_size=PPO_MINI_BATCH,
            micro_batch_size=PPO_MINI_BATCH,
            max_prompt_length=min(PROMPT_LENGTH, training.max_prompt_length),
            response_length=min(RESPONSE_LENGTH, training.response_length),
            # The controller takes as many rollouts to change its mind as in the recipe.
            kl_horizon=max(1, round(training.kl_horizon * PPO_BATCH / training.batch_size)),
            **rates(training, 1e-4),
        ),
        runtime=smoke_runtime(spec.runtime, device, eval_every=10, checkpoint_every=10),
        samples=smoke_samples(spec.samples, every=10),
    )


def few_examples(training: T, *, learning_rate: float, steps: int, **more: Any) -> T:
    return change(
        training,
        epochs=MANY_EPOCHS,
        max_steps=min(steps, training.max_steps or steps),
        batch_size=SMOKE_SEQUENCES,
        micro_batch_size=SMOKE_SEQUENCES,
        max_seq_length=min(SMOKE_CONTEXT, training.max_seq_length),
        **rates(training, learning_rate),
        **more,
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
        max_steps=steps,
        **rates(training, SMOKE_LEARNING_RATE) | {"warmup_steps": min(SMOKE_WARMUP, steps)},
    )


def rates(training: Optimizer, peak: float) -> dict[str, float]:
    """The rate falls by the same factor as in the recipe."""
    return {
        "learning_rate": peak,
        "min_lr": rounded(peak * training.min_lr / training.learning_rate),
        "warmup_steps": min(SMOKE_WARMUP, training.warmup_steps),
    }


def rounded(value: float) -> float:
    """To six digits, which is what a person can read."""
    return float(f"{value:.6g}")


def smoke_runtime(
    runtime: Runtime, device: Device | None, *, eval_every: int = 50, checkpoint_every: int = 200
) -> Runtime:
    on_gpu = device is not None and device.kind != "cpu"
    return change(
        runtime,
        precision=runtime.precision if on_gpu else "fp32",
        activation_checkpointing=False,
        compile=False,
        processes=1,
        eval_every=eval_every,
        eval_sequences=160,
        checkpoint_every=checkpoint_every,
        log_every=1,
    )


def smoke_samples(samples: Samples, *, every: int, context: int = SMOKE_CONTEXT) -> Samples:
    """A look at what is written; that of the recipe where it has one, if the model can write it."""
    length = samples.max_new_tokens if samples.every else SAMPLE_LENGTH
    # One token of a prompt comes before it.
    length = min(length, context - 1)
    return change(samples, every=samples.every or every, max_new_tokens=length)
