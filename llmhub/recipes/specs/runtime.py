"""How the work is done, and what is looked at meanwhile."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from llmhub.lib.i18n import gettext_noop as _
from llmhub.recipes.specs.part import MAX_COUNT, Part, broken_rule, field

MAX_PROMPTS = 8


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
    processes: int = field(
        1,
        _("Processes"),
        _(
            "Copies of the training that share every batch: one per GPU, on one machine. "
            "On a processor they share its cores."
        ),
        ge=1,
        le=64,
    )
    strategy: Literal["ddp", "fsdp"] = field(
        "ddp",
        _("Between processes"),
        _(
            "“ddp” keeps the whole model on every device; “fsdp” divides weights, gradients and "
            "optimizer among them."
        ),
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
        _("The newest ones; the best by validation loss and pinned ones are kept besides."),
        ge=1,
        le=1_000,
    )
    log_every: int = field(
        1, _("Log every"), _("Steps between two points of a curve."), _("steps"), ge=1, le=10_000
    )
    not_finite_steps: int = field(
        3,
        _("Steps without a number"),
        _(
            "A step whose loss or gradient is not finite changes nothing; after so many in a row "
            "the run stops."
        ),
        _("steps"),
        ge=1,
        le=1_000,
    )


class LoRA(Part):
    """Hu et al. 2021: the weights stand still, and a product of two thin matrices learns."""

    rank: int = field(
        0,
        _("LoRA rank"),
        _("Width of the adapters beside the frozen weights; 0 trains all weights."),
        ge=0,
        le=4_096,
    )
    alpha: float = field(
        32.0, _("LoRA alpha"), _("The adapters count alpha / rank times."), gt=0, le=65_536
    )
    dropout: float = field(
        0.0, _("LoRA dropout"), _("Share of the adapters' inputs set to zero."), ge=0, lt=1
    )
    targets: Literal["attention", "all_linear"] = field(
        "all_linear", _("LoRA targets"), _("The layers that get an adapter.")
    )


class Samples(Part):
    """Text that the model writes while it learns, from prompts that stay the same."""

    every: int = field(
        0,
        _("Sample every"),
        _("Steps between two looks at what the model writes; 0 for none."),
        _("steps"),
        ge=0,
        le=MAX_COUNT,
    )
    prompts: str = field(
        "",
        _("Prompts"),
        _("One per line, at most 8. Empty: beginnings of the validation data."),
        max_length=4_000,
    )
    decoding: Literal["greedy", "sampling", "beam"] = field(
        "sampling",
        _("Decoding"),
        _("Always the likeliest token, drawn at random, or the likeliest of several sequences."),
    )
    temperature: float = field(
        0.8, _("Temperature"), _("Below 1 the likely tokens become likelier."), gt=0, le=10
    )
    top_k: int = field(
        0, _("Top k"), _("Draws among the k likeliest tokens; 0 for all."), ge=0, le=1_000_000
    )
    top_p: float = field(
        1.0,
        _("Top p"),
        _("Draws among the likeliest tokens that together have this probability."),
        gt=0,
        le=1,
    )
    beams: int = field(4, _("Beams"), _("Sequences that a beam search keeps."), ge=1, le=64)
    max_new_tokens: int = field(
        64, _("Longest sample"), _("Tokens that are written at most."), _("tokens"), ge=1, le=4_096
    )

    @model_validator(mode="after")
    def few_prompts(self) -> Samples:
        if len(self.lines()) > MAX_PROMPTS:
            raise broken_rule("prompts", _("At most 8 prompts."))
        return self

    def lines(self) -> list[str]:
        return [line.strip() for line in self.prompts.splitlines() if line.strip()]
