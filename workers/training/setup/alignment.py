"""What SFT, the reward model, DPO and PPO have in common: they start from a model that exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel

from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import TURN_END, render
from llmhub.recipes.specs import AlignmentSpec
from workers.data.tokens.token_files import Part
from workers.data.tokens.tokenized import Choice, Tokenized
from workers.data.tokens.tokenizer import (
    PRETRAINED,
    Pretrained,
    ids_of,
    load_pretrained,
    resolve_template,
    rows_needed,
    special_ids,
)
from workers.training.data.batches import Plan, R, Source
from workers.training.data.rows import Prompts
from workers.training.errors import BadConfig
from workers.training.models import load, lora
from workers.training.models.export import copy_tokenizer
from workers.training.models.trained import Trained
from workers.training.setup.context import Asked, Context

UNLIMITED = 1 << 30
# Of a validation row, as the prompt of a sample.
MAX_PROMPT_TOKENS = 512


@dataclass(frozen=True)
class Start:
    """The base model's folder, and the rows as its tokenizer writes them."""

    folder: Path
    pretrained: Pretrained
    template: str
    tokens: list[Tokenized]

    @property
    def tokenizer(self) -> Tokenizer:
        return self.tokens[0].tokenizer

    @property
    def special(self) -> dict[str, int]:
        return special_ids(self.tokenizer, self.pretrained)

    @property
    def ends(self) -> list[int]:
        """The tokens that end an answer."""
        end = self.pretrained.end_of_text
        return list(dict.fromkeys([self.special.get(TURN_END, end), end]))

    def trained(self, module: nn.Module, exported: Any) -> Trained:
        return Trained(
            module=module,
            exported=exported,
            save_tokenizer=lambda place: copy_tokenizer(self.folder, place),
        )

    def encode(self, line: str) -> list[int]:
        """A person's line as a question to be answered."""
        (segments,) = render(Kind.PROMPTS, {"prompt": line}, self.template)
        return ids_of(segments, self.tokenizer, self.special)


def start(context: Context[Any]) -> Start:
    folder = context.folder("model.base_model")
    pretrained = load.tokenizer_of(folder)
    tokenizer = load_pretrained(pretrained, vocab_size=UNLIMITED)
    template = resolve_template(context.spec.data.template, tokenizer)
    choice = Choice(
        PRETRAINED,
        rows_needed(tokenizer),
        context.spec.data.validation_share,
        template,
        pretrained,
    )
    return Start(folder, pretrained, template, context.tokens(choice))


def plan_of(context: Context[Any]) -> Plan:
    training = context.spec.training
    return Plan(
        epochs=training.epochs,
        max_steps=training.max_steps,
        batch_size=training.batch_size,
        micro_batch_size=training.micro_batch_size,
        validation_rows=context.spec.runtime.eval_sequences,
        seed=training.seed,
        world=context.world,
    )


def sources(
    context: Context[Any], start: Start, rows: Callable[[Part, Kind], R]
) -> list[Source[R]]:
    """`rows` makes those of a part of one source, whose kind it is told."""
    return [
        Source(
            data.name,
            data.weight,
            rows(text.training, data.source.reading.kind),
            rows(text.validation, data.source.reading.kind),
        )
        for data, text in zip(context.job.data, start.tokens, strict=True)
    ]


def asked(start: Start, writer: Any) -> Asked:
    def beginnings(count: int) -> list[list[int]]:
        """The prompts of validation rows; of training rows where there are none."""
        for part in (start.tokens[0].validation, start.tokens[0].training):
            prompts = Prompts(part, longest=MAX_PROMPT_TOKENS)
            if len(prompts):
                found = min(count, len(prompts))
                return [prompts.tokens(i * len(prompts) // found).tolist() for i in range(found)]
        return []

    return Asked(writer, start.encode, beginnings)


def base_model(context: Context[Any], folder: Path, attention: str = "sdpa") -> Any:
    """The model that learns, with adapters where the spec wants them."""
    spec = context.spec
    model = load.causal_lm(folder, spec.runtime, attention, context.device)
    check_length(model, spec)
    return lora.add_adapters(model, spec.lora) if spec.lora.rank else model


def check_length(model: PreTrainedModel, spec: AlignmentSpec) -> None:
    training, context = spec.training, load.context_of(model)
    wanted = getattr(training, "max_seq_length", None)
    name = "longest sequence"
    if wanted is None:
        wanted = training.max_prompt_length + training.response_length  # type: ignore[union-attr]
        name = "longest prompt and answer"
    if wanted > context:
        raise BadConfig(
            f"The {name} is {wanted:,} tokens and the model reads {context:,}: "
            f"take at most {context:,}."
        )


def without_dropout(module: nn.Module) -> None:
    """Two runs of the same model over the same tokens must agree where they are compared."""
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        # Attention draws by a number of its own.
        for name in ("attention_dropout", "attn_dropout"):
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)
