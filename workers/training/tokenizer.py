"""A tokenizer as `transformers` saves and loads it."""

from __future__ import annotations

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from llmhub.lib.rows.template import END_OF_TEXT
from workers.data.tokens.tokenizer import special_ids


def for_transformers(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    end = tokenizer.id_to_token(special_ids(tokenizer)[END_OF_TEXT])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=end, eos_token=end)
