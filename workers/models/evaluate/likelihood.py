"""How likely the model finds texts: many of them at once, as far as memory goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from llmhub.lib.problems import Problem
from workers.models.evaluate.subject import Subject
from workers.training.objectives.logps import token_logps

# Logits that are in memory at once: 4 bytes each, and as much again for their copy.
LOGITS = 1 << 25
Tell = Callable[[int], None]


@torch.no_grad()
def logps(subject: Subject, sequences: Sequence[Sequence[int]], tell: Tell) -> list[Any]:
    """Of each sequence an array [tokens]: log p of each token after those before it; of the first
    0."""
    found: list[Any] = [None] * len(sequences)
    done = 0
    for places in _together(sequences, subject.vocabulary):
        longest = len(sequences[places[0]])
        tokens = torch.zeros(len(places), longest, dtype=torch.int64)
        for row, place in enumerate(places):
            tokens[row, : len(sequences[place])] = torch.tensor(sequences[place])
        tokens = tokens.to(subject.model.device)
        # Padding stands behind: causal attention never looks there.
        logits = subject.model(input_ids=tokens, use_cache=False).logits
        values = token_logps(logits, tokens).double().cpu().numpy()
        if not np.isfinite(values).all():
            raise Problem("bad_model", detail="its weights give no probabilities, but NaN.")
        for row, place in enumerate(places):
            found[place] = values[row, : len(sequences[place])]
        done += len(places)
        tell(done)
    return found


def _together(sequences: Sequence[Sequence[int]], vocabulary: int) -> Iterator[list[int]]:
    """Places of sequences of like length, the longest first."""
    order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
    while order:
        longest = max(1, len(sequences[order[0]]))
        size = max(1, LOGITS // (longest * vocabulary))
        yield order[:size]
        order = order[size:]
