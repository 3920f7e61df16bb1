"""Preferences for the comparisons with TRL."""

from __future__ import annotations

import torch

from tests.training.objectives.trl_side import answer_ids, ids, words
from workers.training.objectives import Batch

ROWS = [
    {
        "prompt": words(5, 6, 7) + " ",
        "chosen": words(8, 9),
        "rejected": words(10, 11, 12, 13),
    },
    {"prompt": words(14) + " ", "chosen": words(15, 16, 17, 18), "rejected": words(19)},
    {"prompt": words(5, 20, 21, 22) + " ", "chosen": words(23), "rejected": words(24)},
    {"prompt": words(25, 26) + " ", "chosen": words(27, 28, 8), "rejected": words(27, 29, 30)},
]
PADDING = 31


def batch(rows: list[dict[str, str]] = ROWS) -> Batch:
    """Chosen and rejected in turn."""
    prompts = [ids(row["prompt"]) for row in rows for _ in range(2)]
    answers = [answer_ids(row[side]) for row in rows for side in ("chosen", "rejected")]
    lengths = [len(p) + len(a) for p, a in zip(prompts, answers, strict=True)]
    tokens = torch.full((len(lengths), max(lengths)), PADDING)
    loss_mask = torch.zeros(tokens.shape, dtype=torch.bool)
    for index, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        tokens[index, : lengths[index]] = torch.tensor(prompt + answer)
        loss_mask[index, len(prompt) : lengths[index]] = True
    return {"tokens": tokens, "loss_mask": loss_mask, "lengths": torch.tensor(lengths)}
