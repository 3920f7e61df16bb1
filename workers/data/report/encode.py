"""Tokens of the texts of people, whatever special tokens they spell out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from tokenizers import Tokenizer

from workers.data.report.arrays import Indices
from workers.data.tokens import tokenizer as tokenizers

# An encoding takes a hundred times the memory of its text.
_CHARACTERS_AT_ONCE = 1 << 18


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[Indices]:
    """The ids of each text; of a long one, those of its parts."""
    for some in _at_once(texts):
        parts = [list(tokenizers.cut(text)) for text in some]
        flat = [part for cut in parts for part in cut]
        encodings = iter(tokenizer.encode_batch_fast(flat, add_special_tokens=False))
        for cut in parts:
            yield np.concatenate([np.array(next(encodings).ids, dtype=np.int64) for _ in cut])


def _at_once(texts: Sequence[str]) -> Iterator[list[str]]:
    some: list[str] = []
    characters = 0
    for text in texts:
        some.append(text)
        characters += len(text)
        if characters >= _CHARACTERS_AT_ONCE:
            yield some
            some, characters = [], 0
    if some:
        yield some
