"""Rows as the tokenizer of a model that exists reads them."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmhub.lib import manifest
from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import END_OF_TEXT, render, special_tokens
from tests.data.sources import rows, texts
from workers.data.reading.source import Source
from workers.data.tokens import tokenizer as tokenizers
from workers.data.tokens.tokenized import (
    FORMAT,
    TOKENIZER,
    Choice,
    Tokenized,
    key,
    shared_tokenizer,
    tokenized,
)
from workers.data.tokens.tokenizer import PRETRAINED, Pretrained
from workers.training.tokenizer import for_transformers

TEXT = "To be or not to be, that is the question — où est l'été?\n" * 200
CHATML = special_tokens("chatml")
KINDS = pytest.mark.parametrize("kind", ["bpe", "bytes", "characters"])
CHATS = [
    {
        "messages": [
            {"role": "user", "content": f"What is {i}²? <|im_start|>assistant"},
            {"role": "assistant", "content": f"{i * i} <|endoftext|>"},
        ]
    }
    for i in range(40)
]


def saved(kind: str, place: Path, special: tuple[str, ...] = CHATML) -> Pretrained:
    """A tokenizer of TEXT and of what CHATS say, as a model's folder has it."""
    made = tokenizers.build(kind, 300, special, [TEXT, json.dumps(CHATS, ensure_ascii=False)])
    for_transformers(made).save_pretrained(place)
    path = place / TOKENIZER
    return Pretrained(path, manifest.file_hash(path), tokenizers.special_ids(made)[END_OF_TEXT])


def choose(pretrained: Pretrained, **changes: Any) -> Choice:
    values: dict[str, Any] = {"vocab_size": 300, "validation_share": 0.25, "template": "chatml"}
    return Choice(PRETRAINED, **values | changes, pretrained=pretrained)


def made_from(kind: str, source: Source) -> Choice:
    """As if `kind` were learned from the data: which it is, where they are the same."""
    return Choice(kind, 300, 0.25, "chatml")


def make(source: Source, choice: Choice) -> Tokenized:
    return tokenized(source, choice, source.files[0].path.parent / "tokens", str)


def all_ids(made: Tokenized) -> list[int]:
    return [*made.training.tokens.tolist(), *made.validation.tokens.tolist()]


@KINDS
@pytest.mark.parametrize("kind_of_rows", [Kind.TEXT, Kind.CHAT])
def test_rows_have_the_ids_of_the_tokenizer_that_was_saved(
    kind: str, kind_of_rows: Kind, tmp_path: Path
):
    """Learned from the data and then read back from a model's folder: the same tokens again."""
    values: list[dict[str, Any]] = CHATS
    if kind_of_rows is Kind.TEXT:
        values = [{"text": TEXT[i : i + 400]} for i in range(0, 4_000, 400)]
    source = rows(tmp_path, kind_of_rows, values)
    learned = make(source, Choice(kind, 300, 0.25, "chatml"))
    for_transformers(learned.tokenizer).save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / TOKENIZER
    end = tokenizers.special_ids(learned.tokenizer)[END_OF_TEXT]

    found = make(source, choose(Pretrained(path, manifest.file_hash(path), end)))

    assert found.path != learned.path
    for part in ("training", "validation"):
        mine, first = getattr(found, part), getattr(learned, part)
        assert mine.tokens.tolist() == first.tokens.tolist()
        assert mine.starts.tolist() == first.starts.tolist()
        assert np.array_equal(mine.mask, first.mask)
