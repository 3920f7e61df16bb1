"""Small models in a version's folder, and questions to them."""

from __future__ import annotations

from pathlib import Path

import torch

from llmhub.lib.rows.template import special_tokens
from llmhub.recipes.specs import LlamaModel, Runtime
from workers.data.tokens import tokenizer as tokenizers
from workers.data.tokens.tokenizer import special_ids
from workers.training.models import architectures, export

GREEDY = {
    "way": "greedy",
    "temperature": 0.8,
    "top_k": 50,
    "top_p": 0.95,
    "beams": 3,
    "seed": 7,
    "max_new_tokens": 24,
}
SAMPLING = GREEDY | {"way": "sampling"}
BEAM = GREEDY | {"way": "beam"}


def make_model(place: Path, context: int = 128) -> Path:
    """A Llama of some thousand parameters that reads bytes, with a chat template."""
    values = LlamaModel(
        vocab_size=264,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=context,
    )
    tokenizer = tokenizers.build("bytes", values.vocab_size, special_tokens("chatml"), [])
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = architectures.build(
            values,
            Runtime(),
            torch.device("cpu"),
            end_of_text=special_ids(tokenizer)["<|endoftext|>"],
        )
        # As it comes, it would write the same token for ever.
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.normal_(0, 0.3)
    place.mkdir(parents=True)
    export.save(model, tokenizer, place)
    return place
