"""Tokenizers made from the data, byte-pair merges, bytes or characters, and those of models.

Token 0 ends a text in the first three; in `bytes` that is the byte NUL, which no text contains.
Special tokens beyond that come from a template and are known by their ids alone: a person who
types one has typed its characters.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from llmhub.lib.problems import Problem
from llmhub.lib.rows.template import END_OF_TEXT, Segment, special_tokens

END_OF_TEXT_ID = 0  # of plain text
UNKNOWN = "<|unknown|>"
LONGEST = 1 << 16  # characters that are encoded as one

PRETRAINED = "pretrained"


@dataclass(frozen=True)
class Pretrained:
    """The tokenizer of a model that exists."""

    path: Path  # of its tokenizer.json
    sha256: str
    end_of_text: int  # the token that ends a text


# The ids of each text. The library's work is done when it returns; the arrays are made as they are
# asked for, which may be in another thread.
Encode = Callable[[Sequence[str]], Iterator[NDArray[Any]]]


def build(
    kind: str, vocab_size: int, special_tokens: Sequence[str], texts: Iterable[str]
) -> Tokenizer:
    """A tokenizer for `texts`. It may learn fewer tokens than `vocab_size`, never more."""
    tokenizer = _BUILDERS[kind](vocab_size, special_tokens, texts)
    needed = tokenizer.get_vocab_size()
    if needed > vocab_size:
        raise Problem("vocabulary_too_small", tokenizer=kind, needed=needed, size=vocab_size)
    return tokenizer


def load(path: Path) -> Tokenizer:
    return _blind_to_special_text(Tokenizer.from_file(str(path)))


def load_pretrained(pretrained: Pretrained, vocab_size: int) -> Tokenizer:
    """Without what its file may ask for besides the tokens themselves."""
    tokenizer = load(pretrained.path)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    needed = max(rows_needed(tokenizer), pretrained.end_of_text + 1)
    if needed > vocab_size:
        raise Problem("vocabulary_too_small", tokenizer=PRETRAINED, needed=needed, size=vocab_size)
    return tokenizer


def rows_needed(tokenizer: Tokenizer) -> int:
    """Of an embedding. More than there are tokens where the ids of a model have gaps."""
    return max(tokenizer.get_vocab().values(), default=-1) + 1


def resolve_template(template: str, tokenizer: Tokenizer) -> str:
    """“auto”: chatml where the tokenizer has the tokens that mark its turns."""
    if template != "auto":
        return template
    return "chatml" if _has(tokenizer, "chatml") else "plain"


def _has(tokenizer: Tokenizer, template: str) -> bool:
    needed = special_tokens(template)
    return all(tokenizer.token_to_id(token) is not None for token in needed if token != END_OF_TEXT)


def special_ids(tokenizer: Tokenizer, pretrained: Pretrained | None = None) -> dict[str, int]:
    added = tokenizer.get_added_tokens_decoder()
    ids = {END_OF_TEXT: END_OF_TEXT_ID} | {
        token.content: token_id for token_id, token in added.items()
    }
    if pretrained is None:
        return ids
    turns = {token: tokenizer.token_to_id(token) for token in special_tokens("chatml")}
    known = {token: token_id for token, token_id in turns.items() if token_id is not None}
    return ids | known | {END_OF_TEXT: pretrained.end_of_text}


def ids_of(
    segments: Iterable[Segment], tokenizer: Tokenizer, special: Mapping[str, int]
) -> list[int]:
    """A sequence as a model reads it."""
    ids: list[int] = []
    for segment in segments:
        if segment.special:
            ids.append(special[segment.text])
        else:
            ids += tokenizer.encode(segment.text, add_special_tokens=False).ids
    return ids


def encoder(kind: str, tokenizer: Tokenizer) -> Encode:
    return _ENCODERS[kind](tokenizer)


# GPT-2's pattern leaves the last blank before a word to the word: cut there, the parts of a text
# have the tokens of the whole.
_BEFORE_WORD = re.compile(r"[ \n](?=\S)")


def cut(text: str) -> Iterator[str]:
    """`text` in parts of at most `LONGEST` characters, because an encoding takes a hundred times
    the memory of its text."""
    start = 0
    while len(text) - start > LONGEST:
        found = _BEFORE_WORD.search(text, start + LONGEST // 2, start + LONGEST)
        end = found.start() if found else start + LONGEST
        yield text[start:end]
        start = end
    yield text[start:]


def characters_per_token(
    kind: str, tokenizer: Tokenizer, pretrained: Pretrained | None = None
) -> NDArray[np.int64]:
    """How many characters each token begins; summed over a text, the characters it has.

    A character of several bytes may span tokens: it counts where its first byte is. Special tokens
    and the end of a text have none.
    """
    end = pretrained.end_of_text if pretrained else END_OF_TEXT_ID
    counts = np.zeros(max(rows_needed(tokenizer), end + 1), dtype=np.int64)
    counter = _counter(kind, tokenizer)
    for token, token_id in tokenizer.get_vocab().items():
        counts[token_id] = counter(token)
    # Some models have tokens beside their merges that are text, written as it is: long blanks.
    for token_id, added in tokenizer.get_added_tokens_decoder().items():
        counts[token_id] = 0 if added.special else len(added.content)
    counts[end] = 0
    return counts


def readable(kind: str, tokenizer: Tokenizer) -> Callable[[int], str]:
    r"""Shows tokens to people: bytes that are no whole character as \x and two digits."""
    special = {token_id: token for token, token_id in special_ids(tokenizer).items()}

    def show(token_id: int) -> str:
        if token_id in special:
            return special[token_id]
        token = str(tokenizer.id_to_token(token_id))
        if kind == "characters":
            return token
        content = bytes(_BYTE_OF[symbol] for symbol in token)
        return content.decode(errors="backslashreplace").replace("\0", r"\x00")

    return show


def _bpe(vocab_size: int, special_tokens: Sequence[str], texts: Iterable[str]) -> Tokenizer:
    tokenizer = _byte_level(models.BPE(), regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(special_tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _blind_to_special_text(tokenizer)


def _bytes(vocab_size: int, special_tokens: Sequence[str], texts: Iterable[str]) -> Tokenizer:
    tokenizer = _byte_level(models.BPE(vocab=dict(_BYTE_OF), merges=[]), regex=False)
    return _with_special(tokenizer, special_tokens)


def _characters(vocab_size: int, special_tokens: Sequence[str], texts: Iterable[str]) -> Tokenizer:
    """Characters that only the validation part has are read as unknown."""
    alphabet: set[str] = set()
    for text in texts:
        alphabet.update(text)
    tokens = [*special_tokens, *sorted(alphabet), UNKNOWN]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN))
    tokenizer.decoder = decoders.Fuse()
    return _with_special(tokenizer, special_tokens)


_BUILDERS = {"bpe": _bpe, "bytes": _bytes, "characters": _characters}


def _byte_level(model: models.Model, *, regex: bool) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _with_special(tokenizer: Tokenizer, special_tokens: Sequence[str]) -> Tokenizer:
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special_tokens])
    return _blind_to_special_text(tokenizer)


def _blind_to_special_text(tokenizer: Tokenizer) -> Tokenizer:
    """“<|endoftext|>” in a text is encoded as its characters. The library does not save this."""
    tokenizer.encode_special_tokens = True
    return tokenizer


def _encode_with_library(tokenizer: Tokenizer) -> Encode:
    def encode(texts: Sequence[str]) -> Iterator[NDArray[Any]]:
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return (np.array(encoding.ids, dtype=np.uint32) for encoding in encodings)

    return encode


# What the library would find for bytes and characters, without a list of numbers in between.


def _encode_bytes(tokenizer: Tokenizer) -> Encode:
    return lambda texts: (np.frombuffer(text.encode(), dtype=np.uint8) for text in texts)


def _encode_characters(tokenizer: Tokenizer) -> Encode:
    id_of = np.full(0x110000, tokenizer.token_to_id(UNKNOWN), dtype=np.uint32)
    for token, token_id in tokenizer.get_vocab().items():
        if len(token) == 1:
            id_of[ord(token)] = token_id
    return lambda texts: (
        id_of[np.frombuffer(text.encode("utf-32-le"), dtype="<u4")] for text in texts
    )


_ENCODERS = {
    "bpe": _encode_with_library,
    "bytes": _encode_bytes,
    "characters": _encode_characters,
    PRETRAINED: _encode_with_library,
}


def _byte_symbols() -> list[str]:
    """The printable character by which `ByteLevel` writes each byte: its own where it has one."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = itertools.count(0x100)
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


_BYTE_OF = {symbol: byte for byte, symbol in enumerate(_byte_symbols())}


def _characters_in(token: str) -> int:
    return 1


def _written(token: str) -> int:
    """SentencePiece writes a blank as “▁”, and a byte without a character of its own as <0x0A>."""
    if token == UNKNOWN:
        return 1
    is_byte = len(token) == len("<0x00>") and token.startswith("<0x") and token.endswith(">")
    return int(int(token[3:5], 16) & 0xC0 != 0x80) if is_byte else len(token)


def _counter(kind: str, tokenizer: Tokenizer) -> Callable[[str], int]:
    if kind != PRETRAINED:
        return _characters_in if kind == "characters" else _first_bytes
    return _first_bytes if _is_byte_level(tokenizer) else _written


def _is_byte_level(tokenizer: Tokenizer) -> bool:
    """By how it decodes: some vocabularies lack bytes that their texts never had."""
    decoder = json.loads(tokenizer.to_str())["decoder"]
    return '"ByteLevel"' in json.dumps(decoder)


def _first_bytes(token: str) -> int:
    """Bytes that begin a character; a special token has symbols of no byte at all."""
    return sum(_BYTE_OF.get(symbol, 0x80) & 0xC0 != 0x80 for symbol in token)
