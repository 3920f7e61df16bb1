"""A `transformers` model as the spec describes it, with random weights."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    PretrainedConfig,
    PreTrainedModel,
)

from llmhub.recipes.specs import GPT2Model, LlamaModel, Runtime
from workers.data.tokens.tokenizer import END_OF_TEXT_ID
from workers.training.errors import BadConfig
from workers.training.models.prepare import prepare

_ENDS: dict[str, Any] = {"bos_token_id": END_OF_TEXT_ID, "eos_token_id": END_OF_TEXT_ID}


@singledispatch
def config_of(model: GPT2Model | LlamaModel) -> PretrainedConfig:
    raise BadConfig(f"The trainer does not know the architecture {type(model).__name__}.")


@config_of.register
def _(model: GPT2Model) -> PretrainedConfig:
    return GPT2Config(
        vocab_size=model.vocab_size,
        n_positions=model.n_positions,
        n_embd=model.n_embd,
        n_layer=model.n_layer,
        n_head=model.n_head,
        n_inner=model.n_inner,
        activation_function=model.activation,
        resid_pdrop=model.dropout,
        embd_pdrop=model.dropout,
        attn_pdrop=model.dropout,
        tie_word_embeddings=True,
        **_ENDS,
    )


@config_of.register
def _(model: LlamaModel) -> PretrainedConfig:
    return LlamaConfig(
        vocab_size=model.vocab_size,
        hidden_size=model.hidden_size,
        intermediate_size=model.intermediate_size,
        num_hidden_layers=model.num_hidden_layers,
        num_attention_heads=model.num_attention_heads,
        num_key_value_heads=model.num_key_value_heads,
        max_position_embeddings=model.max_position_embeddings,
        rope_parameters={"rope_type": "default", "rope_theta": model.rope_theta},
        rms_norm_eps=model.rms_norm_eps,
        attention_dropout=model.attention_dropout,
        use_cache=model.use_cache,
        tie_word_embeddings=False,
        **_ENDS,
    )


def build(
    model: GPT2Model | LlamaModel,
    runtime: Runtime,
    device: torch.device,
    attention: str = "sdpa",
    end_of_text: int = END_OF_TEXT_ID,
) -> PreTrainedModel:
    """fp32 weights, drawn by `transformers` from torch's generator: seed that first.

    GPT-2's layers that write to the residual stream start smaller, by sqrt(2 x layers).
    """
    config = config_of(model)
    config.bos_token_id = config.eos_token_id = end_of_text
    with device:
        built: PreTrainedModel = AutoModelForCausalLM.from_config(
            config, dtype=torch.float32, attn_implementation=attention
        )
    prepare(built, runtime)
    return built
