"""What a training can be told: one typed class per objective.

The classes are the single source of the launch form, the API schema, the help texts, the
validation, the differences to a preset and what the trainer reads. No Django and no torch here.
Texts are marked with `gettext_noop` and translated where they are shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, model_validator

from llmhub.lib.i18n import gettext_noop as _
from llmhub.lib.rows.kinds import Kind
from llmhub.recipes.specs.architectures import GPT2Model, LlamaModel
from llmhub.recipes.specs.data import Data, Examples
from llmhub.recipes.specs.part import MAX_COUNT, Part, broken_rule, change, field
from llmhub.recipes.specs.runtime import LoRA, Runtime, Samples
from llmhub.recipes.specs.training import (
    KEPT,
    MOST_EPOCHS,
    DPOTraining,
    FineTuning,
    Optimizer,
    PPOTraining,
    PretrainTraining,
    RewardTraining,
    SFTTraining,
)

__all__ = [
    "MAX_COUNT",
    "MOST_EPOCHS",
    "OBJECTIVES",
    "AlignmentSpec",
    "Base",
    "DPOSpec",
    "DPOTraining",
    "Data",
    "Examples",
    "FineTuning",
    "GPT2Model",
    "LlamaModel",
    "LoRA",
    "Optimizer",
    "PPOSpec",
    "PPOTraining",
    "Part",
    "PretrainSpec",
    "PretrainTraining",
    "RewardSpec",
    "RewardTraining",
    "Runtime",
    "SFTSpec",
    "SFTTraining",
    "Samples",
    "Spec",
    "change",
    "digest",
    "dump",
    "flatten",
    "model_inputs",
    "nest",
    "override",
    "parse",
]

OBJECTIVES = ("pretrain", "sft", "reward", "dpo", "ppo")


class PretrainSpec(Part):
    # What the rows of its data are.
    learns_from: ClassVar[tuple[Kind, ...]] = (Kind.TEXT,)

    objective: Literal["pretrain"] = "pretrain"
    model: Annotated[GPT2Model | LlamaModel, Field(discriminator="architecture")]
    training: PretrainTraining
    data: Data = Data()
    runtime: Runtime = Runtime()
    samples: Samples = Samples()


class Base(Part):
    base_model: str = field(
        ...,
        _("Base model"),
        _(
            "The model that training starts from. Of one named owner/name only the worker learns "
            "whether it exists, when it downloads it."
        ),
        min_length=1,
        max_length=300,
    )


class PPOBase(Base):
    reward_model: str = field(
        ...,
        _("Reward model"),
        _(
            "The model that scores the answers. Of one named owner/name only the worker learns "
            "whether it exists, when it downloads it."
        ),
        min_length=1,
        max_length=300,
    )


class Alignment(Part):
    """What every training of an existing model is told besides its own values."""

    data: Examples = Examples()
    lora: LoRA = LoRA()
    runtime: Runtime = Runtime()
    samples: Samples = Samples()


class FineTuningSpec(Alignment):
    training: FineTuning

    @model_validator(mode="after")
    def batch_divides(self) -> FineTuningSpec:
        batch, processes = self.training.batch_size, self.runtime.processes
        if batch % processes:
            raise broken_rule("batch_size", _("The processes must divide the batch evenly."))
        if batch % (self.training.micro_batch_size * processes):
            raise broken_rule(
                "micro_batch_size",
                _("The batch must be a whole number of micro-batches on every process."),
            )
        return self


class SFTSpec(FineTuningSpec):
    learns_from: ClassVar[tuple[Kind, ...]] = (Kind.PROMPT_COMPLETION, Kind.CHAT)

    objective: Literal["sft"] = "sft"
    model: Base
    training: SFTTraining


class RewardSpec(FineTuningSpec):
    learns_from: ClassVar[tuple[Kind, ...]] = (Kind.PREFERENCE,)

    objective: Literal["reward"] = "reward"
    model: Base
    training: RewardTraining


class DPOSpec(FineTuningSpec):
    learns_from: ClassVar[tuple[Kind, ...]] = (Kind.PREFERENCE,)

    objective: Literal["dpo"] = "dpo"
    model: Base
    training: DPOTraining


class PPOSpec(Alignment):
    # Of rows with answers it takes the prompts.
    learns_from: ClassVar[tuple[Kind, ...]] = (
        Kind.PROMPTS,
        Kind.PROMPT_COMPLETION,
        Kind.PREFERENCE,
    )

    objective: Literal["ppo"] = "ppo"
    model: PPOBase
    training: PPOTraining

    @model_validator(mode="after")
    def batch_divides(self) -> PPOSpec:
        training = self.training
        if training.batch_size % training.mini_batch_size:
            raise broken_rule(
                "mini_batch_size", _("The mini-batches must divide the batch evenly.")
            )
        if self.runtime.processes > 1 and self.runtime.strategy == "fsdp":
            # Writing answers calls the policy on its own, outside of what FSDP2 gathers for.
            raise broken_rule("strategy", _("PPO cannot divide its model yet: choose “ddp”."))
        if training.mini_batch_size % self.runtime.processes:
            raise broken_rule(
                "mini_batch_size", _("The processes must divide the mini-batch evenly.")
            )
        if training.mini_batch_size % (training.micro_batch_size * self.runtime.processes):
            raise broken_rule(
                "micro_batch_size",
                _("The mini-batch must be a whole number of micro-batches on every process."),
            )
        return self


AlignmentSpec = SFTSpec | RewardSpec | DPOSpec | PPOSpec
Spec = PretrainSpec | SFTSpec | RewardSpec | DPOSpec | PPOSpec
_adapter: TypeAdapter[Spec] = TypeAdapter(Annotated[Spec, Field(discriminator="objective")])


def parse(values: object) -> Spec:
    """A checked spec from plain values. Raises pydantic.ValidationError, which names each field."""
    return _adapter.validate_python(values)


def stored(values: object) -> Spec:
    """A spec that was checked when it was kept, by the rules of its time."""
    return _adapter.validate_python(values, context={KEPT: True})


def dump(spec: Spec) -> dict[str, Any]:
    return spec.model_dump(mode="json")


def model_inputs(spec: Spec) -> dict[str, str]:
    """The models that a training starts from, as references by dotted field name."""
    named = {
        "model.base_model": getattr(spec.model, "base_model", None),
        "model.reward_model": getattr(spec.model, "reward_model", None),
        "data.tokenizer_from": getattr(spec.data, "tokenizer_from", None),
    }
    return {name: reference for name, reference in named.items() if reference}


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


def override(spec: Spec, overrides: Mapping[str, Any]) -> Spec:
    """A checked copy with values replaced by dotted name. Raises pydantic.ValidationError."""
    return parse(nest({**flatten(dump(spec)), **overrides}))


def digest(spec: Spec) -> str:
    """SHA-256 of the canonical JSON: equal specs have equal digests."""
    text = json.dumps(dump(spec), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
