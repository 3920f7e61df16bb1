from __future__ import annotations

import numpy as np
import pytest

from llmhub.recipes.specs import Data
from workers.training import tokenizer as tokenizers
from workers.training.errors import BadConfig

TEXT = "Où est l'été? 漢字 and\tplain words, plain words.\n" * 20
KINDS = pytest.mark.parametrize("kind", ["bpe", "bytes", "characters"])


def ids(tokenizer, text: str = TEXT) -> np.ndarray:
    return np.concatenate(list(tokenizers.encode(tokenizer, [text])))


@KINDS
def test_text_comes_back_from_its_tokens(kind: str):
    tokenizer = tokenizers.build(kind, 300, [TEXT])

    assert tokenizer.decode(ids(tokenizer).tolist(), skip_special_tokens=False) == TEXT


@KINDS
def test_the_same_text_makes_the_same_tokenizer(kind: str):
    first, second = (tokenizers.build(kind, 300, [TEXT]).to_str() for _ in range(2))

    assert first == second


@KINDS
def test_tokens_cover_the_characters_of_the_text(kind: str):
    tokenizer = tokenizers.build(kind, 300, [TEXT])
    per_token = tokenizers.characters_per_token(tokenizer, Data(tokenizer=kind))

    assert per_token[ids(tokenizer)].sum() == len(TEXT)


def test_bytes_are_their_own_tokens():
    assert ids(tokenizers.build("bytes", 256, []), "é!").tolist() == [*"é!".encode()]


def test_bpe_learns_from_the_text_up_to_the_vocabulary():
    tokenizer = tokenizers.build("bpe", 270, [TEXT])

    assert tokenizer.get_vocab_size() == 270
    assert len(ids(tokenizer)) < len(TEXT.encode())


def test_bpe_may_find_less_to_learn_than_the_vocabulary_holds():
    assert tokenizers.build("bpe", 5_000, ["ab ab ab"]).get_vocab_size() < 300


def test_characters_that_training_never_saw_end_a_text():
    tokenizer = tokenizers.build("characters", 256, ["abc"])

    assert ids(tokenizer, "abcx").tolist() == [1, 2, 3, tokenizers.END_OF_TEXT_ID]


def test_more_characters_than_the_vocabulary_is_a_bad_config():
    with pytest.raises(BadConfig, match="vocabulary larger"):
        tokenizers.build("characters", 256, map(chr, range(0x4E00, 0x4E00 + 256)))


def test_bytes_and_an_end_need_a_vocabulary_of_257():
    with pytest.raises(BadConfig, match="257 tokens"):
        tokenizers.build("bpe", 256, [TEXT])
