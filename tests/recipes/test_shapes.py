"""Shapes of models that exist, against what `transformers` makes of the same config."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, PretrainedConfig

from llmhub.recipes import shapes
from llmhub.recipes.alignment_estimate import parameters_of

GPT2 = GPT2Config(vocab_size=300, n_positions=64, n_embd=48, n_layer=3, n_head=4)
SIZES = {
    "vocab_size": 300,
    "hidden_size": 48,
    "intermediate_size": 100,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
CONFIGS = {
    "GPT-2": GPT2,
    "Llama": LlamaConfig(**SIZES, tie_word_embeddings=False),
    "tied Llama": LlamaConfig(**SIZES, tie_word_embeddings=True),
}


def parameters(config: PretrainedConfig) -> int:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_config_of_a_folder_says_how_large_its_model_is(config, tmp_path):
    config.save_pretrained(tmp_path)
    assert parameters_of(shapes.of_folder(tmp_path)) == parameters(config)


LLAMA = CONFIGS["Llama"].to_dict()


@pytest.mark.parametrize(
    "values",
    [
        {"model_type": "mamba"},
        {"model_type": ["llama"]},
        {"model_type": "llama"},
        LLAMA | {"head_dim": 96},
        LLAMA | {"num_attention_heads": 0},
        LLAMA | {"hidden_size": "wide"},
        LLAMA | {"vocab_size": -1},
        [],
        "llama",
    ],
    ids=lambda values: str(values)[:24] if len(values) < 9 else f"llama {hash_of(values)}",
)
def test_a_config_that_says_something_else_says_nothing(values: Any, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert shapes.of_folder(tmp_path) is None


def hash_of(values: dict[str, Any]) -> str:
    return " ".join(name for name in LLAMA if values.get(name) != LLAMA[name])


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe"], ids=["none", "broken", "no UTF-8"])
def test_a_folder_without_a_config_says_nothing(content, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_bytes(content)
    assert shapes.of_folder(tmp_path) is None
