"""A Llama of about a million parameters that reads bytes: no answer of it is any good, but it is
there on every machine and trains in seconds."""

from __future__ import annotations

from pathlib import Path

import torch

from llmhub.lib import durable
from llmhub.lib.rows.template import END_OF_TEXT, special_tokens
from llmhub.recipes.specs import LlamaModel, Runtime
from workers.data.tokens import tokenizer as tokenizers
from workers.data.tokens.tokenizer import special_ids
from workers.training.models import architectures, export
from workers.training.models.aside import aside_of

SEED = 1337
MODEL = LlamaModel(
    vocab_size=264,  # 256 bytes and three special tokens, to a multiple of 8
    hidden_size=128,
    intermediate_size=384,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=512,
)


def provide(place: Path) -> None:
    """Makes it, where it is not there yet."""
    if place.is_dir():
        return
    with aside_of(place) as aside:
        if not place.is_dir():
            _write(aside)
            durable.publish(aside, place)


def _write(place: Path) -> None:
    tokenizer = tokenizers.build("bytes", MODEL.vocab_size, special_tokens("chatml"), [])
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = architectures.build(
            MODEL, Runtime(), torch.device("cpu"), end_of_text=special_ids(tokenizer)[END_OF_TEXT]
        )
    export.save(model, tokenizer, place)
