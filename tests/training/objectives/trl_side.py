"""The same rows as TRL learns from them, with its own trainers and collators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pytest
import torch
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from tests.training.objectives.toys import END, VOCABULARY, gradient
from workers.training.objectives import Batch, Loss, Objective

CLOSE = 1e-5

_SPECIAL = ["<pad>", "<end>"]
_WORDS = [f"w{number}" for number in range(len(_SPECIAL), VOCABULARY)]

# Nothing is kept, nothing is random, all on this machine's processor in 32 bits.
PLAIN: dict[str, Any] = {
    "bf16": False,
    "use_cpu": True,
    "gradient_checkpointing": False,
    "save_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
}


def tokenizer(pad: str = "<pad>") -> PreTrainedTokenizerFast:
    """A word is a token."""
    words = Tokenizer(
        WordLevel({word: at for at, word in enumerate(_SPECIAL + _WORDS)}, unk_token=_WORDS[0])
    )
    words.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>", pad_token=pad)


def ids(text: str) -> list[int]:
    """Of a prompt."""
    return [int(word[1:]) for word in text.split()]


def answer_ids(text: str) -> list[int]:
    return [*ids(text), END]


def words(*numbers: int) -> str:
    return " ".join(f"w{number}" for number in numbers)


@dataclass(frozen=True)
class Measured:
    loss: float
    gradient: Tensor
    metrics: dict[str, float]


def theirs(trainer: Any) -> Measured:
    """The mean over the batches of the trainer: one of all rows, or one of each."""
    batches = list(trainer.get_train_dataloader())
    loss = torch.stack([trainer.compute_loss(trainer.model, batch) for batch in batches]).mean()
    loss.backward()
    metrics = {name: fmean(values) for name, values in trainer._metrics["train"].items()}
    return Measured(loss.item(), gradient(trainer.model), metrics)


def ours(objective: Objective, model: nn.Module, batches: Sequence[Batch]) -> Measured:
    """The mean over all batches, as the loop divides it."""
    weight = sum(map(objective.weight, batches))
    losses: list[Loss] = [objective.loss(model, batch) for batch in batches]
    total = torch.stack([loss.total for loss in losses]).sum() / weight
    total.backward()
    names = losses[0].sums
    means = {name: sum(loss.sums[name].item() for loss in losses) / weight for name in names}
    return Measured(total.item(), gradient(model), means)


def assert_same(found: Measured, expected: Measured) -> None:
    assert found.loss == pytest.approx(expected.loss, rel=CLOSE)
    size = expected.gradient.norm()
    assert size > 1e-3
    assert (found.gradient - expected.gradient).norm() / size < CLOSE


def dataset(rows: Sequence[dict[str, str]]) -> Dataset:
    return Dataset.from_list(list(rows))
