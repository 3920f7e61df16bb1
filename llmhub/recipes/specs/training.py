"""How a model learns: the optimizer, and one class per objective."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, ValidationInfo, model_validator

from llmhub.lib.i18n import gettext_noop as _
from llmhub.recipes.specs.part import MAX_COUNT, Part, broken_rule, field

MOST_EPOCHS = 1_000
# In the context of a validation: the values were kept before some rule was made.
KEPT = "kept"


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
    warmup_steps: int = field(
        0,
        _("Warm-up"),
        _("Steps in which the learning rate rises from zero. Give this or the share."),
        _("steps"),
        ge=0,
        le=MAX_COUNT,
    )
    warmup_ratio: float = field(
        0.0, _("Warm-up share"), _("Share of all steps in which the rate rises."), ge=0, le=1
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

    seed: int = field(
        1337,
        _("Seed"),
        _("Start of every random number: weights, data order, dropout."),
        ge=0,
        le=2**32 - 1,
    )

    @model_validator(mode="after")
    def one_warmup(self) -> Optimizer:
        if self.warmup_steps and self.warmup_ratio:
            raise broken_rule(
                "warmup_ratio", _("Give the warm-up either in steps or as a share, not both.")
            )
        return self

    @model_validator(mode="after")
    def warms_up_in_time(self, info: ValidationInfo) -> Optimizer:
        if (info.context or {}).get(KEPT):
            return self
        # Each objective has its own field of steps; where it is empty, the data decides.
        steps = getattr(self, "max_steps", None)
        if steps is not None and self.warmup_steps > steps:
            raise broken_rule("warmup_steps", _("The warm-up is longer than the run."))
        return self

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
    max_steps: int = field(
        ...,
        _("Steps"),
        _("Optimizer steps until the run is done."),
        _("steps"),
        ge=1,
        le=MAX_COUNT,
        validation_alias=AliasChoices("max_steps", "total_steps"),
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
        return self


class FineTuning(Optimizer):
    """What SFT, the reward model and DPO share."""

    epochs: int = field(1, _("Epochs"), _("Passes over the dataset."), ge=1, le=MOST_EPOCHS)
    max_steps: int | None = field(
        None,
        _("Steps at most"),
        _("Ends the run earlier, and the schedule with it; empty: all epochs."),
        _("steps"),
        ge=1,
        le=MAX_COUNT,
    )
    batch_size: int = field(
        ...,
        _("Batch size"),
        _("Examples per optimizer step, over all devices; with packing, packed sequences."),
        _("examples"),
        ge=1,
        le=MAX_COUNT,
    )
    micro_batch_size: int = field(
        1,
        _("Micro-batch"),
        _("Examples per device that pass through the model at once."),
        _("examples"),
        ge=1,
        le=65_536,
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
        True,
        _("Flash attention"),
        _(
            "Fused attention kernels, which need less memory; off: the plain formula. "
            "Under packing the mask between examples takes the memory-efficient kernel."
        ),
    )


class RewardTraining(FineTuning):
    """Nothing beyond what all share."""


class DPOTraining(FineTuning):
    beta: float = field(
        0.1,
        _("Beta"),
        _("Weight of staying close to the reference model."),
        gt=0,
        le=100,
    )
    label_smoothing: float = field(
        0.0,
        _("Label smoothing"),
        _("Share of the preferences that are taken to be the wrong way round."),
        ge=0,
        lt=0.5,
    )
    max_prompt_length: int = field(
        ...,
        _("Longest prompt"),
        _("Longer prompts lose their beginning."),
        _("tokens"),
        ge=1,
        le=1_048_576,
    )

    @model_validator(mode="after")
    def answer_has_room(self) -> DPOTraining:
        if self.max_prompt_length >= self.max_seq_length:
            raise broken_rule(
                "max_prompt_length", _("The longest prompt leaves no room for an answer.")
            )
        return self


class PPOTraining(Optimizer):
    epochs: int = field(1, _("Epochs"), _("Passes over the prompts."), ge=1, le=MOST_EPOCHS)
    max_steps: int | None = field(
        None,
        _("Steps at most"),
        _("Rollouts until the run is done; empty: all epochs."),
        _("steps"),
        ge=1,
        le=MAX_COUNT,
    )
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
    micro_batch_size: int = field(
        1,
        _("Micro-batch"),
        _("Rollouts per device that pass through the model at once."),
        _("rollouts"),
        ge=1,
        le=65_536,
    )
    max_prompt_length: int = field(
        512,
        _("Longest prompt"),
        _("Longer prompts lose their beginning."),
        _("tokens"),
        ge=1,
        le=1_048_576,
    )
    response_length: int = field(
        128,
        _("Longest answer"),
        _("Tokens that the model writes at most."),
        _("tokens"),
        ge=1,
        le=65_536,
    )
    temperature: float = field(
        1.0,
        _("Temperature"),
        _("Of the answers: the probabilities that PPO compares are taken at it."),
        gt=0,
        le=10,
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
    kl_horizon: int = field(
        10_000,
        _("KL horizon"),
        _("Answers in which the controller changes the coefficient by up to a fifth."),
        _("answers"),
        ge=1,
        le=MAX_COUNT,
    )
    gamma: float = field(1.0, _("Discount (gamma)"), _("Weight of later rewards."), ge=0, le=1)
    lam: float = field(
        0.95, _("GAE lambda"), _("Trade of bias for variance in the advantages."), ge=0, le=1
    )
    cliprange: float = field(
        0.2, _("Clip range"), _("How far one update may move a probability ratio."), gt=0, lt=1
    )
    cliprange_value: float = field(
        0.2, _("Value clip range"), _("How far one update may move a value."), gt=0
    )
    vf_coef: float = field(
        0.1, _("Value weight"), _("Weight of the value loss beside the policy's."), ge=0, le=100
    )
