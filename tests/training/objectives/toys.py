"""Models of which the tests know everything, and small ones drawn at random."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)

VOCABULARY = 32
END = 1
ARCHITECTURES = pytest.mark.parametrize("architecture", ["gpt2", "llama"])
ATTENTIONS = pytest.mark.parametrize("attention", ["sdpa", "eager"])

_ENDS = {"bos_token_id": END, "eos_token_id": END}
# Weights large enough for attention to matter.
_SPREAD = 0.2


def config(architecture: str) -> PreTrainedConfig:
    if architecture == "gpt2":
        return GPT2Config(
            **_ENDS,
            vocab_size=VOCABULARY,
            n_positions=128,
            n_embd=16,
            n_layer=2,
            n_head=2,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            initializer_range=_SPREAD,
        )
    return LlamaConfig(
        **_ENDS,
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        initializer_range=_SPREAD,
    )


def causal_lm(architecture: str, attention: str = "sdpa", seed: int = 1) -> PreTrainedModel:
    torch.manual_seed(seed)
    made = {"gpt2": GPT2LMHeadModel, "llama": LlamaForCausalLM}[architecture](config(architecture))
    made.set_attn_implementation(attention)
    return made


def classifier(architecture: str, seed: int = 1) -> PreTrainedModel:
    torch.manual_seed(seed)
    plain = config(architecture)
    plain.num_labels = 1
    classes = {"gpt2": GPT2ForSequenceClassification, "llama": LlamaForSequenceClassification}
    return classes[architecture](plain)


def gradient(model: nn.Module) -> Tensor:
    """All of it as one vector, by the names of the weights."""
    return torch.cat([weight.grad.flatten() for _, weight in sorted(model.named_parameters())])


class Bigram(nn.Module):
    """Its logits are a table: one row for each token before."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = nn.Parameter(table)

    def forward(self, input_ids: Tensor, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=self.table[input_ids])


class Numbers(nn.Module):
    """Its scores are a table: one number for each token."""

    def __init__(self, *numbers: float) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.tensor(numbers))

    def forward(self, input_ids: Tensor) -> Tensor:
        return self.table[input_ids]


class BigramWithValues(nn.Module):
    """A policy and its values from tables."""

    def __init__(self, table: Tensor, values: list[float]) -> None:
        super().__init__()
        self.policy, self.head = Bigram(table), Numbers(*values)

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        return self.policy(input_ids).logits, self.head(input_ids)
