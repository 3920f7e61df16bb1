"""Makes the tokens of a dataset ahead of a training, and shows what a model will see of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workers.data.reading.source import Source
from workers.data.tokens import tokenizer as tokenizers
from workers.data.tokens.token_files import Part
from workers.data.tokens.tokenized import Choice, Report, Tokenized, tokenized

logger = logging.getLogger(__name__)

PREVIEW_SEQUENCES = 5
PREVIEW_TOKENS = 200  # of each


def tokenize(values: Mapping[str, Any], progress: Report) -> dict[str, Any]:
    """Finds the tokens in the cache or makes them.

    `preview`: the first sequences of the training part, as they were read back from the disk, each
    a list of [text of the token, 1 where the loss is counted, id].
    """
    source, choice = Source.parse(values["source"]), Choice.parse(values["choice"])
    made = tokenized(source, choice, Path(values["cache"]), logger.info, progress)
    parts = {"training": made.training, "validation": made.validation}
    tokens = {name: len(part.tokens) for name, part in parts.items()}
    return {
        "key": made.path.name,
        "path": str(made.path),
        "bytes": sum(file["bytes"] for file in made.files.values()),
        "sha256": {name: file["sha256"] for name, file in made.files.items()},
        "vocab_size": made.tokenizer.get_vocab_size(),
        "characters": made.characters,
        "characters_per_token": made.characters / max(1, sum(tokens.values())),
        "tokens": tokens,
        "sequences": {name: len(part.starts) - 1 for name, part in parts.items()},
        "loss_tokens": {name: loss_tokens(part) for name, part in parts.items()},
        "preview": preview(made, choice.tokenizer),
    }


def loss_tokens(part: Part) -> int:
    return len(part.tokens) if part.mask is None else int(part.mask.sum())


def preview(made: Tokenized, kind: str) -> list[list[list[Any]]]:
    show = tokenizers.readable(kind, made.tokenizer)
    part = made.training
    sequences = []
    for start, end in zip(part.starts[:PREVIEW_SEQUENCES], part.starts[1:], strict=False):
        shown = slice(start, min(end, start + PREVIEW_TOKENS))
        ids = part.tokens[shown].tolist()
        loss = [1] * len(ids) if part.mask is None else part.mask[shown].tolist()
        sequences.append([[show(i), counted, i] for i, counted in zip(ids, loss, strict=True)])
    return sequences
