"""What SFT, the reward model, DPO and PPO have in common: they start from a model that exists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from torch import nn
from transformers import PreTrainedModel

from llmhub.recipes.specs import AlignmentSpec
from workers.data.tokens.tokenized import Choice, Tokenized
from workers.data.tokens.tokenizer import load as load_tokenizer
from workers.data.tokens.tokenizer import resolve_template
from workers.training.errors import BadConfig
from workers.training.models import load, lora
from workers.training.models.export import copy_tokenizer
from workers.training.models.trained import Trained
from workers.training.setup.context import Context

S = TypeVar("S", bound=AlignmentSpec)


@dataclass(frozen=True)
class Start:
    """The base model's folder, and the rows as its tokenizer writes them."""

    folder: Path
    tokens: list[Tokenized]
    template: str
    end_of_text: int

    def trained(self, module: nn.Module, exported: PreTrainedModel) -> Trained:
        return Trained(
            module=module,
            exported=exported,
            save_tokenizer=lambda place: copy_tokenizer(self.folder, place),
        )


def start(context: Context[S]) -> Start:
    folder = context.folder("model.base_model")
    pretrained = load.tokenizer_of(folder)
    tokenizer = load_tokenizer(pretrained.path)
    template = context.spec.data.template
    if template == "auto":
        template = resolve_template(tokenizer)
    choice = Choice(
        "pretrained",
        tokenizer.get_vocab_size(),
        context.spec.data.validation_share,
        template,
        pretrained=pretrained,
    )
    return Start(folder, context.tokens(choice), template, pretrained.end_of_text)


def base_model(context: Context[S], folder: Path, attention: str = "sdpa") -> Any:
    """The model that learns, with adapters where the spec wants them."""
    spec = context.spec
    model = load.causal_lm(folder, spec.runtime, context.device, attention)
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
