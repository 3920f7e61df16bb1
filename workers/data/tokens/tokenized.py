"""The tokens of a source, made once for each choice of tokenizer and shared by all who ask."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from llmhub.lib import durable, manifest
from llmhub.lib.problems import Problem
from llmhub.lib.rows import template
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rundir import write_text
from workers.data.reading.source import Source
from workers.data.tokens import token_files
from workers.data.tokens import tokenizer as tokenizers
from workers.data.tokens.ahead import ahead
from workers.data.tokens.sequences import PARTS, TRAINING, VALIDATION, Batch, Sequences
from workers.data.tokens.token_files import Part, part_writer
from workers.data.tokens.tokenizer import Encode, Pretrained

TOKENIZER = "tokenizer.json"
# Part of the key: raise it when the same rows would become other tokens or other files.
FORMAT = 3
# The most that byte-pair merges are learned from: more changes few merges and takes memory.
LEARNED_CHARACTERS = 1 << 28

Say = Callable[[str], None]
# (phase, done, total)
Report = Callable[[str, float, float], None]


@dataclass(frozen=True)
class Choice:
    """All that decides, with the source, which tokens come out."""

    tokenizer: str
    vocab_size: int
    validation_share: float
    template: str = template.TEMPLATES[0]  # of rows that are no plain text
    pretrained: Pretrained | None = None  # where the tokenizer is not made from the data

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Choice:
        names = ("tokenizer", "vocab_size", "validation_share", "template")
        return cls(**{name: values[name] for name in names})

    def facts(self) -> dict[str, Any]:
        """What it is, wherever its files lie."""
        values = asdict(self)
        del values["pretrained"]
        if self.pretrained is None:
            return values
        of_model = {"sha256": self.pretrained.sha256, "end_of_text": self.pretrained.end_of_text}
        return values | {"pretrained": of_model}


@dataclass(frozen=True)
class Tokenized:
    tokenizer: Tokenizer
    training: Part
    validation: Part
    # [vocabulary]: what turns a loss per token into one per character.
    characters_per_token: NDArray[np.int64]
    characters: int
    path: Path
    files: dict[str, dict[str, Any]]  # {"bytes", "sha256"} by name


def tokenized(
    source: Source, choice: Choice, cache: Path, say: Say, report: Report | None = None
) -> Tokenized:
    """From the cache, or made now, after every byte of the source has been checked. Two that start
    at once make it once."""
    _keep_to_own_cores()
    source.verify()
    place = cache / key(source, choice)
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_suffix(".lock")):
        kept = _kept(place, choice, say)
        if kept is None:
            _make(place, source, choice, say, report or _ignore)
        return kept or _open(place, choice)


def shared_tokenizer(
    sources: Sequence[Source], choice: Choice, cache: Path, say: Say
) -> Pretrained:
    """One for several texts, learned from all of them, each by its length."""
    facts = json.dumps([key(source, choice) for source in sources])
    place = cache / f"{hashlib.sha256(facts.encode()).hexdigest()}.{TOKENIZER}"
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_suffix(".lock")):
        if not place.exists():
            say(f"Making the tokenizer “{choice.tokenizer}” from {len(sources)} texts")
            write_text(place, _learned_from(sources, choice).to_str())
    return Pretrained(place, manifest.file_hash(place), tokenizers.END_OF_TEXT_ID)


def _learned_from(sources: Sequence[Source], choice: Choice) -> Tokenizer:
    parts = [
        Sequences.of(source, choice.validation_share, choice.template, _nobody)
        for source in sources
    ]
    total = sum(part.characters[TRAINING] for part in parts)
    limit = LEARNED_CHARACTERS if choice.tokenizer == "bpe" else total
    texts = itertools.chain.from_iterable(_training_texts(part, _nobody) for part in parts)
    special_tokens = _special_tokens(Kind.TEXT, choice)
    return tokenizers.build(
        choice.tokenizer, choice.vocab_size, special_tokens, sample(texts, total, limit)
    )


def _training_texts(sequences: Sequences, tell: Callable[[float], None]) -> Iterator[str]:
    return (
        stretch.segment.text
        for stretch in sequences.stretches(tell)
        if stretch.part == TRAINING and not stretch.segment.special
    )


def _nobody(share: float) -> None:
    pass


def key(source: Source, choice: Choice) -> str:
    if source.reading.kind is Kind.TEXT:
        choice = replace(choice, template="")
    facts = {
        "format": FORMAT,
        "files": [file.sha256 for file in source.files],
        "reading": source.reading.as_json(),
        "choice": choice.facts(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _keep_to_own_cores() -> None:
    """The tokenizers' threads are as many as torch's, where the worker says how many."""
    if "OMP_NUM_THREADS" in os.environ:
        os.environ.setdefault("RAYON_NUM_THREADS", os.environ["OMP_NUM_THREADS"])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _kept(place: Path, choice: Choice, say: Say) -> Tokenized | None:
    """The entry, if there is one and every byte is as it was written; a damaged one is removed."""
    if not place.is_dir():
        return None
    try:
        found = _open(place, choice)
    # The tokenizer's own errors are plain exceptions.
    except Exception as error:  # noqa: BLE001
        say(f"The tokenized data are damaged and are made anew: {error}")
        shutil.rmtree(place)
        return None
    say("The data are tokenized already")
    return found


def _make(place: Path, source: Source, choice: Choice, say: Say, report: Report) -> None:
    sequences = Sequences.of(
        source,
        choice.validation_share,
        choice.template,
        lambda share: report("learning", share / 2, 1),
    )
    tokenizer = _learn(sequences, choice, say, lambda share: report("learning", (1 + share) / 2, 1))
    aside = place.with_suffix(".unfinished")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    tokenizer.save(str(aside / TOKENIZER))
    dtype = "uint16" if choice.vocab_size <= 1 << 16 else "uint32"
    _encode(sequences, choice, tokenizer, aside, dtype, report)
    token_files.write_facts(aside, dtype, sum(sequences.characters.values()))
    durable.publish(aside, place)


def _learn(
    sequences: Sequences, choice: Choice, say: Say, tell: Callable[[float], None]
) -> Tokenizer:
    if choice.pretrained:
        say("Reading with the tokenizer of the model")
        return tokenizers.load_pretrained(choice.pretrained, choice.vocab_size)
    total = sequences.characters[TRAINING]
    limit = LEARNED_CHARACTERS if choice.tokenizer == "bpe" else total
    of = f" of {total:,}, evenly spread," if limit < total else ""
    say(f"Making the tokenizer “{choice.tokenizer}” from {min(limit, total):,}{of} characters")
    texts = _training_texts(sequences, tell)
    special_tokens = _special_tokens(sequences.source.reading.kind, choice)
    return tokenizers.build(
        choice.tokenizer, choice.vocab_size, special_tokens, sample(texts, total, limit)
    )


def sample(texts: Iterable[str], total: int, limit: int) -> Iterator[str]:
    """At most `limit` of the `total` characters, evenly spread over the texts."""
    seen = taken = 0
    for text in texts:
        if taken * total <= seen * limit and taken + len(text) <= limit:
            taken += len(text)
            yield text
        seen += len(text)


def needed_tokens(sequences: Sequences, choice: Choice) -> tuple[str, ...]:
    return _special_tokens(sequences.source.reading.kind, choice)


def _special_tokens(kind: Kind, choice: Choice) -> tuple[str, ...]:
    if kind is not Kind.TEXT:
        return template.special_tokens(choice.template)
    if choice.pretrained:
        return (template.END_OF_TEXT,)
    return () if choice.tokenizer == "bytes" else (template.END_OF_TEXT,)


def _encode(
    sequences: Sequences,
    choice: Choice,
    tokenizer: Tokenizer,
    place: Path,
    dtype: str,
    report: Report,
) -> None:
    """Reading, encoding and writing go on side by side: only encoding keeps all cores busy."""
    encode = tokenizers.encoder(choice.tokenizer, tokenizer)
    special = {
        token: np.array([token_id], dtype=dtype)
        for token, token_id in tokenizers.special_ids(tokenizer, choice.pretrained).items()
    }
    lacking = [token for token in needed_tokens(sequences, choice) if token not in special]
    if lacking:
        raise Problem("template_unknown", template=choice.template, token=lacking[0])
    has_mask = sequences.source.reading.kind is not Kind.TEXT
    batches = sequences.batches(lambda share: report("tokenizing", share, 1))
    with ExitStack() as stack:
        writers = {
            part: stack.enter_context(part_writer(place, part, dtype, has_mask=has_mask))
            for part in PARTS
        }
        for batch, ids in ahead(_encoded(ahead(batches), encode)):
            writers[batch.part].add(
                ids=[
                    special[segment.text] if segment.special else next(ids)
                    for _, segment, _ in batch.stretches
                ],
                begins=[begins for _, _, begins in batch.stretches],
                loss=[segment.loss for _, segment, _ in batch.stretches],
            )


def _encoded(
    batches: Iterable[Batch], encode: Encode
) -> Iterator[tuple[Batch, Iterator[NDArray[Any]]]]:
    for batch in batches:
        segments = [stretch.segment for stretch in batch.stretches]
        yield batch, encode([segment.text for segment in segments if not segment.special])


def _open(place: Path, choice: Choice) -> Tokenized:
    facts = token_files.verified_facts(place)
    tokenizer = tokenizers.load(place / TOKENIZER)
    return Tokenized(
        tokenizer=tokenizer,
        training=token_files.part(place, TRAINING, facts["dtype"]),
        validation=token_files.part(place, VALIDATION, facts["dtype"]),
        characters_per_token=tokenizers.characters_per_token(
            choice.tokenizer, tokenizer, choice.pretrained
        ),
        characters=facts["characters"],
        path=place,
        files=facts["files"],
    )


def _ignore(phase: str, done: float, total: float) -> None:
    pass
