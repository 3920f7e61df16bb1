"""What a training can be told: one typed class per objective.

The classes are the single source of the launch form, the API schema, the help texts, the
validation, the differences to a preset and what the trainer reads. No Django and no torch here.
Texts are marked with `gettext_noop` and translated where they are shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    model_validator,
)
from pydantic_core import PydanticCustomError

from llmhub.lib.i18n import gettext_noop as _
from llmhub.lib.rows.kinds import Kind

OBJECTIVES = ("pretrain", "sft", "reward", "dpo", "ppo")
# The objectives that the workers of this release can execute.
TRAINABLE = frozenset({"pretrain"})

# JSON has integers beyond 2^53 and floats like 1e309; both would come back as another value.
MAX_COUNT = 2**53 - 1


def field(default: Any, title: str, help_text: str, unit: str = "", **rules: Any) -> Any:
    """A field of a spec with what the form shows beside it. `...` as default: required."""
    extra: dict[str, Any] = {"unit": unit}
    return Field(default, title=title, description=help_text, json_schema_extra=extra, **rules)


def broken_rule(field_name: str, reason: str) -> PydanticCustomError:
    """A rule between several fields, blamed on the one that a person would change."""
    return PydanticCustomError("rule", "{reason}", {"field": field_name, "reason": reason})


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class GPT2Model(Part):
    """Radford et al. 2019: learned positions, LayerNorm before each block, tied embeddings."""

    architecture: Literal["gpt2"] = field(
        "gpt2", _("Architecture"), _("The family of transformer that is built.")
    )
    vocab_size: int = field(
        ...,
        _("Vocabulary size"),
        _("Rows of the embedding table."),
        _("tokens"),
        ge=256,
        le=1_000_000,
    )
    n_positions: int = field(
        ...,
        _("Context length"),
        _("The longest sequence the model can read."),
        _("tokens"),
        ge=8,
        le=1_048_576,
    )
    n_embd: int = field(
        ..., _("Width"), _("Size of the vector of one token between the blocks."), ge=8, le=65_536
    )
    n_layer: int = field(..., _("Layers"), _("Number of transformer blocks."), ge=1, le=1_000)
    n_head: int = field(
        ..., _("Attention heads"), _("Heads per block; they divide the width."), ge=1, le=1_024
    )
    n_inner: int = field(
        ...,
        _("Feed-forward width"),
        _("Inner size of the feed-forward layer, usually 4 times the width."),
        ge=8,
        le=262_144,
    )
    activation: Literal["gelu", "gelu_new", "relu", "silu"] = field(
        "gelu", _("Activation"), _("Non-linearity of the feed-forward layer.")
    )
    dropout: float = field(
        0.1,
        _("Dropout"),
        _("Share of activations set to zero while training."),
        ge=0,
        lt=1,
    )

    @model_validator(mode="after")
    def heads_divide_width(self) -> GPT2Model:
        if self.n_embd % self.n_head:
            raise broken_rule("n_head", _("The attention heads must divide the width evenly."))
        return self

    @property
    def context_length(self) -> int:
        return self.n_positions


class LlamaModel(Part):
    """Touvron et al. 2023: rotary positions, RMSNorm, SwiGLU, grouped key/value heads."""

    architecture: Literal["llama"] = field(
        "llama", _("Architecture"), _("The family of transformer that is built.")
    )
    vocab_size: int = field(
        ...,
        _("Vocabulary size"),
        _("Rows of the embedding table."),
        _("tokens"),
        ge=256,
        le=1_000_000,
    )
    hidden_size: int = field(
        ..., _("Width"), _("Size of the vector of one token between the blocks."), ge=8, le=65_536
    )
    intermediate_size: int = field(
        ...,
        _("Feed-forward width"),
        _("Inner size of the SwiGLU layer, about 2.7 times the width."),
        ge=8,
        le=262_144,
    )
    num_hidden_layers: int = field(
        ..., _("Layers"), _("Number of transformer blocks."), ge=1, le=1_000
    )
    num_attention_heads: int = field(
        ..., _("Attention heads"), _("Heads per block; they divide the width."), ge=1, le=1_024
    )
    num_key_value_heads: int = field(
        ...,
        _("Key/value heads"),
        _("Fewer than the attention heads means grouped-query attention (for example 8)."),
        ge=1,
        le=1_024,
    )
    max_position_embeddings: int = field(
        ...,
        _("Context length"),
        _("The longest sequence the model can read."),
        _("tokens"),
        ge=8,
        le=1_048_576,
    )
    rope_theta: float = field(
        10_000.0, _("RoPE base"), _("Base of the rotary position angles."), gt=0
    )
    rms_norm_eps: float = field(
        1e-5, _("RMSNorm epsilon"), _("Keeps the normalisation from dividing by zero."), gt=0
    )
    attention_dropout: float = field(
        0.0,
        _("Attention dropout"),
        _("Share of attention weights set to zero while training."),
        ge=0,
        lt=1,
    )
    use_cache: bool = field(
        True,
        _("Key/value cache"),
        _("Kept in the model's config for generation; training does not use it."),
    )

    @model_validator(mode="after")
    def heads_divide(self) -> LlamaModel:
        if self.hidden_size % self.num_attention_heads:
            raise broken_rule(
                "num_attention_heads", _("The attention heads must divide the width evenly.")
            )
        if self.hidden_size // self.num_attention_heads % 2:
            raise broken_rule(
                "num_attention_heads",
                _("Rotary positions need an even head size (width / heads)."),
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise broken_rule(
                "num_key_value_heads",
                _("The key/value heads must divide the attention heads evenly."),
            )
        return self

    @property
    def context_length(self) -> int:
        return self.max_position_embeddings


class Optimizer(Part):
    """AdamW and its schedule; shared by all objectives."""

    learning_rate: float = field(
        ..., _("Learning rate"), _("Peak learning rate, after warm-up."), gt=0, le=10
    )
    min_lr: float = field(
        0.0,
        _("Final learning rate"),
        _("Where the schedule ends."),
        ge=0,
        le=10,
    )
    lr_schedule: Literal["cosine", "linear", "constant"] = field(
        "cosine", _("Schedule"), _("How the learning rate falls after warm-up.")
    )
    weight_decay: float = field(
        0.0, _("Weight decay"), _("AdamW decay, on matrices only."), ge=0, le=10
    )
    grad_clip: float = field(
        1.0,
        _("Gradient clipping"),
        _("Largest norm of the whole gradient; 0 turns clipping off."),
        ge=0,
    )
    adam_beta1: float = field(
        0.9, _("Adam beta 1"), _("Decay of the gradient's running mean."), ge=0, lt=1
    )
    adam_beta2: float = field(
        0.95, _("Adam beta 2"), _("Decay of the squared gradient's running mean."), ge=0, lt=1
    )
    adam_eps: float = field(
        1e-8, _("Adam epsilon"), _("Keeps Adam from dividing by zero."), gt=0, le=1
    )

    @model_validator(mode="after")
    def falls(self) -> Optimizer:
        if self.min_lr > self.learning_rate:
            raise broken_rule(
                "min_lr", _("The final learning rate is above the peak learning rate.")
            )
        return self


class PretrainTraining(Optimizer):
    batch_size: int | None = field(
        None,
        _("Batch size"),
        _("Sequences per optimizer step, over all devices. Give this or the batch in tokens."),
        _("sequences"),
        ge=1,
        le=MAX_COUNT,
    )
    global_batch_size: int | None = field(
        None,
        _("Batch size in tokens"),
        _("Tokens per optimizer step; rounded up to whole micro-batches."),
        _("tokens"),
        ge=1,
        le=MAX_COUNT,
    )
    micro_batch_size: int = field(
        8,
        _("Micro-batch"),
        _("Sequences per device that pass through the model at once."),
        _("sequences"),
        ge=1,
        le=65_536,
    )
    gradient_accumulation_steps: int | Literal["auto"] = field(
        "auto",
        _("Gradient accumulation"),
        _("Micro-batches per optimizer step; “auto” takes as many as fill the batch."),
        _("micro-batches"),
    )
    warmup_steps: int = field(
        0,
        _("Warm-up"),
        _("Steps in which the learning rate rises from zero."),
        _("steps"),
        ge=0,
        le=MAX_COUNT,
    )
    max_steps: int = field(
        ...,
        _("Steps"),
        _("Optimizer steps until the run is done."),
        _("steps"),
        ge=1,
        le=MAX_COUNT,
        validation_alias=AliasChoices("max_steps", "total_steps"),
    )
    seed: int = field(
        1337,
        _("Seed"),
        _("Start of every random number: weights, data order, dropout."),
        ge=0,
        le=2**32 - 1,
    )

    @model_validator(mode="after")
    def one_batch_size(self) -> PretrainTraining:
        if (self.batch_size is None) == (self.global_batch_size is None):
            raise broken_rule(
                "batch_size", _("Give the batch either in sequences or in tokens, and not both.")
            )
        accumulation = self.gradient_accumulation_steps
        if isinstance(accumulation, int) and accumulation < 1:
            raise broken_rule(
                "gradient_accumulation_steps",
                _("Gradient accumulation is a whole number from 1, or “auto”."),
            )
        if self.warmup_steps > self.max_steps:
            raise broken_rule("warmup_steps", _("The warm-up is longer than the run."))
        return self


Share = Annotated[float, Field(ge=0, le=1)]
# Text that PostgreSQL and a page can hold: no NUL, no control characters.
Source = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Data(Part):
    tokenizer: Literal["bpe", "bytes", "characters"] = field(
        "bpe",
        _("Tokenizer"),
        _(
            "“bpe” learns byte-pair merges from the dataset up to the vocabulary size; "
            "“bytes” and “characters” need no training."
        ),
    )
    validation_share: float = field(
        0.1,
        _("Validation share"),
        _("Last part of the text, kept away from training."),
        gt=0,
        lt=0.9,
    )
    mix: dict[Source, Share] | None = field(
        None,
        _("Data mix"),
        _("Planned share of each kind of source; the shares add up to 1."),
    )

    @model_validator(mode="after")
    def shares_add_up(self) -> Data:
        if self.mix is not None and abs(sum(self.mix.values()) - 1) > 1e-6:
            raise broken_rule("mix", _("The shares of the data mix must add up to 1."))
        return self


class Runtime(Part):
    """How the work is done, without changing what is computed beyond rounding."""

    precision: Literal["fp32", "bf16"] = field(
        "fp32", _("Precision"), _("bf16 computes in 16 bits and keeps the weights in 32.")
    )
    activation_checkpointing: bool = field(
        False,
        _("Activation checkpointing"),
        _("Recomputes activations in the backward pass: less memory, about a third slower."),
    )
    compile: bool = field(
        False,
        _("Compile"),
        _("torch.compile: a slow start, then faster steps."),
    )
    eval_every: int = field(
        100,
        _("Validate every"),
        _("Steps between two measurements of the validation loss."),
        _("steps"),
        ge=1,
        le=MAX_COUNT,
    )
    # In sequences, so that the loss is of the same text however many fit on a device at once.
    eval_sequences: int = field(
        160,
        _("Validation sequences"),
        _("Sequences per validation; fewer where the validation text is shorter."),
        _("sequences"),
        ge=1,
        le=1_000_000,
    )
    checkpoint_every: int = field(
        500,
        _("Checkpoint every"),
        _("Steps between two checkpoints; one more is written at the end and at a stop."),
        _("steps"),
        ge=1,
        le=MAX_COUNT,
    )
    keep_checkpoints: int = field(
        3,
        _("Checkpoints kept"),
        _("The newest ones; the best by validation loss is kept besides."),
        ge=1,
        le=1_000,
    )
    log_every: int = field(
        1, _("Log every"), _("Steps between two points of a curve."), _("steps"), ge=1, le=10_000
    )


class PretrainSpec(Part):
    # What the rows of its data are.
    learns_from: ClassVar[tuple[Kind, ...]] = (Kind.TEXT,)

    objective: Literal["pretrain"] = "pretrain"
    model: Annotated[GPT2Model | LlamaModel, Field(discriminator="architecture")]
    training: PretrainTraining
    data: Data = Data()
    runtime: Runtime = Runtime()


class FineTuning(Optimizer):
    """What SFT, the reward model and DPO share."""

    epochs: int = field(1, _("Epochs"), _("Passes over the dataset."), ge=1, le=1_000)
    batch_size: int = field(
        ...,
        _("Batch size"),
        _("Examples per optimizer step, over all devices."),
        _("examples"),
        ge=1,
        le=MAX_COUNT,
    )
    warmup_ratio: float = field(
        0.0, _("Warm-up share"), _("Share of all steps in which the rate rises."), ge=0, le=1
    )
    max_seq_length: int = field(
        ...,
        _("Longest sequence"),
        _("Longer examples are cut."),
        _("tokens"),
        ge=8,
        le=1_048_576,
    )


class SFTTraining(FineTuning):
    packing: bool = field(
        False, _("Packing"), _("Several examples share a sequence; none sees another.")
    )
    use_flash_attn: bool = field(
        False, _("Flash attention"), _("An attention kernel that needs less memory.")
    )


class DPOTraining(FineTuning):
    beta: float = field(
        0.1,
        _("Beta"),
        _("Weight of staying close to the reference model."),
        gt=0,
        le=100,
    )
    max_prompt_length: int = field(
        ..., _("Longest prompt"), _("Longer prompts are cut."), _("tokens"), ge=1, le=1_048_576
    )


class PPOTraining(Optimizer):
    ppo_epochs: int = field(
        4, _("PPO epochs"), _("Passes over each batch of rollouts."), ge=1, le=100
    )
    batch_size: int = field(
        ..., _("Batch size"), _("Prompts per rollout."), _("prompts"), ge=1, le=MAX_COUNT
    )
    mini_batch_size: int = field(
        ...,
        _("Mini-batch"),
        _("Rollouts per optimizer step."),
        _("rollouts"),
        ge=1,
        le=MAX_COUNT,
    )
    init_kl_coef: float = field(
        0.2, _("Initial KL coefficient"), _("First weight of the KL penalty."), ge=0
    )
    target_kl: float = field(
        6.0,
        _("Target KL"),
        _("The divergence that the adaptive controller of the KL coefficient aims at."),
        _("nats"),
        gt=0,
    )
    gamma: float = field(1.0, _("Discount (gamma)"), _("Weight of later rewards."), ge=0, le=1)
    lam: float = field(
        0.95, _("GAE lambda"), _("Trade of bias for variance in the advantages."), ge=0, le=1
    )
    cliprange: float = field(
        0.2, _("Clip range"), _("How far one update may move a probability ratio."), gt=0, lt=1
    )


class Base(Part):
    base_model: str = field(
        ..., _("Base model"), _("The model that training starts from."), max_length=300
    )


class PPOBase(Base):
    reward_model: str = field(
        ..., _("Reward model"), _("The model that scores the answers."), max_length=300
    )


class Examples(Part):
    dataset_size: int | None = field(
        None,
        _("Dataset size"),
        _("Examples that the recipe is made for."),
        _("examples"),
        ge=1,
        le=MAX_COUNT,
    )
    mix: dict[Source, Share] | None = field(
        None, _("Data mix"), _("Planned share of each kind of source; the shares add up to 1.")
    )

    @model_validator(mode="after")
    def shares_add_up(self) -> Examples:
        if self.mix is not None and abs(sum(self.mix.values()) - 1) > 1e-6:
            raise broken_rule("mix", _("The shares of the data mix must add up to 1."))
        return self


class SFTSpec(Part):
    learns_from: ClassVar[tuple[Kind, ...]] = (Kind.PROMPT_COMPLETION, Kind.CHAT)

    objective: Literal["sft"] = "sft"
    model: Base
    training: SFTTraining
    data: Examples = Examples()


class RewardSpec(Part):
    learns_from: ClassVar[tuple[Kind, ...]] = (Kind.PREFERENCE,)

    objective: Literal["reward"] = "reward"
    model: Base
    training: FineTuning
    data: Examples = Examples()


class DPOSpec(Part):
    learns_from: ClassVar[tuple[Kind, ...]] = (Kind.PREFERENCE,)

    objective: Literal["dpo"] = "dpo"
    model: Base
    training: DPOTraining
    data: Examples = Examples()


class PPOSpec(Part):
    learns_from: ClassVar[tuple[Kind, ...]] = (Kind.PROMPTS,)

    objective: Literal["ppo"] = "ppo"
    model: PPOBase
    training: PPOTraining
    data: Examples = Examples()


Spec = PretrainSpec | SFTSpec | RewardSpec | DPOSpec | PPOSpec
_adapter: TypeAdapter[Spec] = TypeAdapter(Annotated[Spec, Field(discriminator="objective")])


def parse(values: object) -> Spec:
    """A checked spec from plain values. Raises pydantic.ValidationError, which names each field."""
    return _adapter.validate_python(values)


def dump(spec: Spec) -> dict[str, Any]:
    return spec.model_dump(mode="json")


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted name; a data mix counts as one value."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, dict) and dotted != "data.mix":
            flat |= flatten(value, f"{dotted}.")
        else:
            flat[dotted] = value
    return flat


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The opposite of `flatten`."""
    nested: dict[str, Any] = {}
    for dotted, value in flat.items():
        *groups, name = dotted.split(".")
        inner = nested
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = value
    return nested


P = TypeVar("P", bound=Part)


def change(part: P, **values: Any) -> P:
    """A checked copy of a part with some values replaced."""
    return type(part).model_validate({**part.model_dump(), **values})


def override(spec: Spec, overrides: Mapping[str, Any]) -> Spec:
    """A checked copy with values replaced by dotted name. Raises pydantic.ValidationError."""
    return parse(nest({**flatten(dump(spec)), **overrides}))


def digest(spec: Spec) -> str:
    """SHA-256 of the canonical JSON: equal specs have equal digests."""
    text = json.dumps(dump(spec), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
