"""Rows that the model has not learned from, as it reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from transformers import AutoConfig

from llmhub.lib.problems import Problem
from workers.data.reading.source import Source
from workers.data.tokens import tokenizer as tokenizers
from workers.data.tokens.sequences import VALIDATION, Sequences
from workers.training.models import load

# A few minutes of one core for a model of a hundred million parameters.
MOST_TOKENS = 4_096
LONGEST = 512
PROMPTS = 8
PROMPT_TOKENS = 32
ANSWER_TOKENS = 32


class Reading(NamedTuple):
    """Tokens that a model sees at once, and which of them it is asked for."""

    ids: list[int]
    counts: list[bool]


# Of sequences, and whether each begins one.
Stretches = Iterator[tuple[Reading, bool]]


@dataclass(frozen=True)
class HeldOut:
    name: str
    readings: list[Reading]
    context: int

    @classmethod
    def of(cls, rows: Mapping[str, Any], model: Path) -> HeldOut:
        """`validation_share`: 1 for rows that were no training data at all."""
        source = Source.parse(rows["source"])
        source.verify()
        context = context_of(model)
        stretches = sequences(source, rows["validation_share"], rows["template"], model)
        kept = readings(stretches, context)
        found = cls(rows["name"], list(kept), context)
        if not found.tokens:
            raise Problem("nothing_to_measure", rows=rows["name"])
        return found

    @property
    def tokens(self) -> int:
        """That are asked for; the first one of a reading has nothing before it."""
        return sum(sum(reading.counts[1:]) for reading in self.readings)

    @property
    def answer_tokens(self) -> int:
        """Prompt and answer fit into the shortest context."""
        return min(ANSWER_TOKENS, self.context // 2)

    def prompts(self) -> list[list[int]]:
        """Up to where the model learned to write, or the beginning of a text."""
        most = self.context - self.answer_tokens
        return [prompt_of(reading)[-most:] for reading in self.readings[:PROMPTS]]


def prompt_of(reading: Reading) -> list[int]:
    return reading.ids[: reading.counts.index(True) or PROMPT_TOKENS]


def readings(stretches: Stretches, context: int) -> Iterator[Reading]:
    """As many as `MOST_TOKENS` allow."""
    wanted = MOST_TOKENS
    for reading in cut(stretches, context):
        yield reading
        wanted -= sum(reading.counts[1:])
        if wanted <= 0:
            return


def context_of(model: Path) -> int:
    config = AutoConfig.from_pretrained(model, local_files_only=True, trust_remote_code=False)
    return min(LONGEST, getattr(config, "max_position_embeddings", None) or LONGEST)


def sequences(source: Source, share: float, template: str, model: Path) -> Stretches:
    pretrained = load.tokenizer_of(model)
    tokenizer = tokenizers.load(pretrained.path)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    special = tokenizers.special_ids(tokenizer, pretrained)
    resolved = tokenizers.resolve_template(template, tokenizer)
    divided = Sequences.of(source, share, resolved, lambda _share: None)
    for part, segment, begins in divided.stretches(lambda _share: None):
        if part == VALIDATION:
            ids = tokenizers.ids_of([segment], tokenizer, special)
            yield Reading(ids, [segment.loss] * len(ids)), begins


def cut(stretches: Stretches, longest: int) -> Iterator[Reading]:
    """Sequences in pieces that fit; what is too short to ask for anything is left out."""
    ids: list[int] = []
    counts: list[bool] = []
    for stretch, begins in stretches:
        if begins and ids:
            yield from asking(ids, counts)
            ids, counts = [], []
        ids, counts = ids + stretch.ids, counts + stretch.counts
        while len(ids) > longest:
            yield from asking(ids[:longest], counts[:longest])
            ids, counts = ids[longest:], counts[longest:]
    yield from asking(ids, counts)


def asking(ids: list[int], counts: list[bool]) -> Iterator[Reading]:
    if any(counts[1:]):
        yield Reading(ids, counts)
