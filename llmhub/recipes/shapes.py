"""The shapes of models that exist already: what their memory and their operations follow from.

Facts of the models' own config files. A run's checkpoint has the shape of what the run trained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmhub.lib.model_reference import SMOLLM2, TINY
from llmhub.recipes.specs import GPT2Model, LlamaModel

CONFIG = "config.json"
MAX_CONFIG_CHARACTERS = 2**20


@dataclass(frozen=True)
class Shape:
    model: GPT2Model | LlamaModel
    # Whether input and output share one embedding; GPT-2's always do.
    is_tied: bool = False


_LLAMA_2_7B = Shape(
    LlamaModel(
        vocab_size=32_000,
        hidden_size=4_096,
        intermediate_size=11_008,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=32,
        max_position_embeddings=4_096,
    )
)
_SMOLLM2_135M = Shape(
    LlamaModel(
        vocab_size=49_152,
        hidden_size=576,
        intermediate_size=1_536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=8_192,
    ),
    is_tied=True,
)
_TINY = Shape(
    LlamaModel(
        vocab_size=264,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
    )
)
_GPT2 = Shape(
    GPT2Model(
        vocab_size=50_257, n_positions=1_024, n_embd=768, n_layer=12, n_head=12, n_inner=3_072
    )
)

# The recipes of the book name their own fine-tunes of Llama 2 7B.
KNOWN = {
    **dict.fromkeys(
        (
            "meta-llama/Llama-2-7b-hf",
            "meta-llama/Llama-2-7b-chat-hf",
            "llama-2-7b-chat",
            "llama-2-7b-sft",
            "llama-2-7b-reward",
        ),
        _LLAMA_2_7B,
    ),
    **dict.fromkeys(
        (
            f"demo:{SMOLLM2}",
            "HuggingFaceTB/SmolLM2-135M",
            "HuggingFaceTB/SmolLM2-135M-Instruct",
        ),
        _SMOLLM2_135M,
    ),
    f"demo:{TINY}": _TINY,
    "openai-community/gpt2": _GPT2,
}


def of(reference: str) -> Shape | None:
    """None where only the model's own files could tell."""
    return KNOWN.get(reference)


def of_folder(place: Path) -> Shape | None:
    """By the config.json of a model as `transformers` keeps it; None where that tells nothing."""
    try:
        with (place / CONFIG).open(encoding="utf-8") as file:
            values = json.loads(file.read(MAX_CONFIG_CHARACTERS))
    except (OSError, ValueError):
        return None
    return of_config(values) if isinstance(values, dict) else None


def of_config(values: Mapping[str, Any]) -> Shape | None:
    """None for an architecture whose tensors are not those of GPT-2 or Llama."""
    read = _READERS.get(str(values.get("model_type")))
    try:
        return read(values) if read else None
    # What a person has put there may be anything.
    except (ValidationError, KeyError, TypeError, ArithmeticError):
        return None


def _gpt2(values: Mapping[str, Any]) -> Shape:
    sizes = {name: values[name] for name in ("vocab_size", "n_positions", "n_embd", "n_layer")}
    return Shape(
        GPT2Model(
            **sizes,
            n_head=values["n_head"],
            n_inner=values.get("n_inner") or 4 * values["n_embd"],
            dropout=values.get("resid_pdrop", 0.1),
        )
    )


def _llama(values: Mapping[str, Any]) -> Shape | None:
    heads = values["num_attention_heads"]
    if values.get("head_dim") not in (None, values["hidden_size"] // heads):
        return None
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
    return Shape(
        LlamaModel(
            **{name: values[name] for name in names},
            num_attention_heads=heads,
            num_key_value_heads=values.get("num_key_value_heads") or heads,
            max_position_embeddings=values["max_position_embeddings"],
            attention_dropout=values.get("attention_dropout", 0.0),
        ),
        is_tied=bool(values.get("tie_word_embeddings", False)),
    )


_READERS = {"gpt2": _gpt2, "llama": _llama}
