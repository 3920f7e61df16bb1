"""Models that are built from nothing: one class per architecture."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from llmhub.lib.i18n import gettext_noop as _
from llmhub.recipes.specs.part import Part, broken_rule, field


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
