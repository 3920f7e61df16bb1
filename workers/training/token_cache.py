"""Text as arrays of tokens on disk, made once for each text and tokenizer, shared by all runs."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from llmhub.lib import durable
from llmhub.lib.rundir import write_json
from llmhub.recipes.specs import Data
from workers.training import tokenizer as tokenizers
from workers.training.text import Corpus, TextFile

# Part of the key: raise it when the same text would become other tokens or other files.
FORMAT = 2


@dataclass(frozen=True)
class TokenizedText:
    """`training` and `validation` are mapped from disk, [tokens] of uint16 or uint32."""

    tokenizer: Tokenizer
    training: NDArray[Any]
    validation: NDArray[Any]
    # [vocabulary]: what turns a loss per token into one per character.
    characters_per_token: NDArray[np.int64]
    characters: int


def tokenized(
    files: Sequence[TextFile],
    data: Data,
    vocab_size: int,
    cache: Path,
    say: Callable[[str], None],
) -> TokenizedText:
    """From the cache, or made now. Two runs that start at once make it once."""
    place = cache / _key(files, data, vocab_size)
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_suffix(".lock")):
        kept = _kept(place, data, say)
        if kept is None:
            _make(place, files, data, vocab_size, say)
        return kept or _open(place, data)


def _key(files: Sequence[TextFile], data: Data, vocab_size: int) -> str:
    facts = {
        "format": FORMAT,
        "files": [file.sha256 for file in files],
        "tokenizer": data.tokenizer,
        "vocab_size": vocab_size,
        "validation_share": data.validation_share,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _kept(place: Path, data: Data, say: Callable[[str], None]) -> TokenizedText | None:
    """The entry, if there is one and it is whole; a damaged one is removed."""
    if not place.is_dir():
        return None
    try:
        text = _open(place, data)
    # The tokenizer's own errors are plain exceptions.
    except Exception as error:  # noqa: BLE001
        say(f"The tokenized text is damaged and is made anew: {error}")
        shutil.rmtree(place)
        return None
    say("The text is tokenized already")
    return text


def _make(
    place: Path,
    files: Sequence[TextFile],
    data: Data,
    vocab_size: int,
    say: Callable[[str], None],
) -> None:
    for file in files:
        file.verify()
    corpus = Corpus(files, data.validation_share)
    say(f"Making the tokenizer “{data.tokenizer}” from {corpus.validation_start:,} characters")
    tokenizer = tokenizers.build(data.tokenizer, vocab_size, corpus.training())
    aside = place.with_suffix(".unfinished")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    tokenizer.save(str(aside / "tokenizer.json"))
    dtype = "uint16" if vocab_size <= 1 << 16 else "uint32"
    _write(aside / "training.bin", tokenizers.encode(tokenizer, corpus.training()), dtype)
    _write(aside / "validation.bin", tokenizers.encode(tokenizer, corpus.validation()), dtype)
    facts = {
        "dtype": dtype,
        "characters": corpus.characters,
        "bytes": {path.name: path.stat().st_size for path in aside.glob("*.bin")},
    }
    write_json(aside / "facts.json", facts)
    durable.publish(aside, place)


def _write(path: Path, pieces: Iterable[NDArray[np.uint32]], dtype: str) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece.astype(dtype).tobytes())


def _open(place: Path, data: Data) -> TokenizedText:
    facts = json.loads((place / "facts.json").read_text())
    for name, size in facts["bytes"].items():
        if (place / name).stat().st_size != size:
            raise ValueError(f"{name} does not have {size:,} bytes")
    tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
    return TokenizedText(
        tokenizer=tokenizer,
        training=_map(place / "training.bin", facts["dtype"]),
        validation=_map(place / "validation.bin", facts["dtype"]),
        characters_per_token=tokenizers.characters_per_token(tokenizer, data),
        characters=facts["characters"],
    )


def _map(path: Path, dtype: str) -> NDArray[Any]:
    """An empty file cannot be mapped; it is an empty array."""
    if path.stat().st_size == 0:
        return np.empty(0, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r")
