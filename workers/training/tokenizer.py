"""Tokenizers made from the data: byte-pair merges, bytes or characters.

Token 0 ends a text in all three; in `bytes` that is the byte NUL, which text does not contain.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from llmhub.recipes.specs import Data
from workers.training.errors import BadConfig

END_OF_TEXT = "<|endoftext|>"
END_OF_TEXT_ID = 0
_BATCH = 32  # pieces of text that are encoded side by side


def build(kind: str, vocab_size: int, training_text: Iterable[str]) -> Tokenizer:
    """A tokenizer for `training_text`. It may learn fewer tokens than `vocab_size`, never more."""
    tokenizer = _BUILDERS[kind](vocab_size, training_text)
    if tokenizer.get_vocab_size() > vocab_size:
        raise BadConfig(
            f"The text needs {tokenizer.get_vocab_size()} tokens with the tokenizer “{kind}”, "
            f"and the vocabulary has {vocab_size}: make the vocabulary larger "
            "or take another tokenizer."
        )
    return tokenizer


def encode(tokenizer: Tokenizer, text: Iterable[str]) -> Iterator[NDArray[np.uint32]]:
    """Token ids of a stream of text, piece by piece."""
    pieces = iter(text)
    while batch := list(itertools.islice(pieces, _BATCH)):
        for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=False):
            yield np.array(encoding.ids, dtype=np.uint32)


def characters_per_token(tokenizer: Tokenizer, data: Data) -> NDArray[np.int64]:
    """How many characters each token begins; summed over a text, the characters it has.

    A character of several bytes may span tokens: it counts where its first byte is.
    """
    size = tokenizer.get_vocab_size()
    if data.tokenizer == "characters":
        return np.ones(size, dtype=np.int64)
    byte_of = {symbol: byte for byte, symbol in enumerate(_byte_symbols())}
    counts = np.zeros(size, dtype=np.int64)
    for token, token_id in tokenizer.get_vocab().items():
        counts[token_id] = sum(byte_of[symbol] & 0xC0 != 0x80 for symbol in token)
    return counts


def for_transformers(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """As `transformers` saves and loads it."""
    end = tokenizer.id_to_token(END_OF_TEXT_ID)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=end, eos_token=end)


def _bpe(vocab_size: int, text: Iterable[str]) -> Tokenizer:
    tokenizer = _byte_level(models.BPE(), regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text, trainer)
    return tokenizer


def _bytes(vocab_size: int, text: Iterable[str]) -> Tokenizer:
    vocabulary = {symbol: byte for byte, symbol in enumerate(_byte_symbols())}
    return _byte_level(models.BPE(vocab=vocabulary, merges=[]), regex=False)


def _characters(vocab_size: int, text: Iterable[str]) -> Tokenizer:
    """Characters that only the validation part has are read as the end of a text."""
    alphabet = sorted(set().union(*text))
    vocabulary = {END_OF_TEXT: END_OF_TEXT_ID} | {c: i for i, c in enumerate(alphabet, start=1)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=END_OF_TEXT))
    tokenizer.add_special_tokens([AddedToken(END_OF_TEXT, special=True)])
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


_BUILDERS = {"bpe": _bpe, "bytes": _bytes, "characters": _characters}


def _byte_level(model: models.Model, *, regex: bool) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _byte_symbols() -> list[str]:
    """The printable character by which `ByteLevel` writes each byte: its own where it has one."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = itertools.count(0x100)
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
