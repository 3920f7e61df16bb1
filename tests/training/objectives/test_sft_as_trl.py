"""SFT against TRL's trainer, on the same rows and weights.

TRL packs rows one behind the other and tells them apart by their positions; from those
`transformers` makes the mask of “sdpa” and “eager”, which the comparison is of.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedModel

from llmhub.lib import metric_names as names
from tests.training.objectives import trl_side
from tests.training.objectives.toys import ARCHITECTURES, ATTENTIONS, causal_lm
from tests.training.objectives.trl_side import answer_ids, ids, words
from workers.training.data.packing import pack
from workers.training.data.rows import example_batch
from workers.training.objectives import Batch
from workers.training.objectives.sft import SFT

ROWS = [
    {"prompt": words(5, 6, 7) + " ", "completion": words(8, 9)},
    {"prompt": words(10) + " ", "completion": words(11, 12, 13, 14, 15)},
    {"prompt": words(16, 17, 18, 19, 20) + " ", "completion": words(21)},
    {"prompt": words(5, 9) + " ", "completion": words(22, 23, 24)},
    {"prompt": words(25, 26, 27, 28) + " ", "completion": words(29, 30, 31, 8, 9, 10)},
]
LONGEST = 16


def trainer(
    trl: Any, model: PreTrainedModel, place: Path, pad: str = "<pad>", **changes: Any
) -> Any:
    return trl.SFTTrainer(
        model=copy.deepcopy(model),
        args=trl.SFTConfig(
            output_dir=str(place),
            max_length=LONGEST,
            per_device_train_batch_size=len(ROWS),
            **trl_side.PLAIN | changes,
        ),
        train_dataset=trl_side.dataset(ROWS),
        processing_class=trl_side.tokenizer(pad),
    )


def batches(sequences: list[list[int]]) -> list[Batch]:
    """One micro-batch for each sequence."""
    rows = []
    for row in ROWS:
        prompt, answer = ids(row["prompt"]), answer_ids(row["completion"])
        mask = [0] * len(prompt) + [1] * len(answer)
        rows.append((np.array(prompt + answer), np.array(mask)))
    return [example_batch([[rows[index] for index in sequence]]) for sequence in sequences]


def lengths() -> np.ndarray:
    return np.array([len(ids(row["prompt"])) + len(answer_ids(row["completion"])) for row in ROWS])


def assert_same(found: trl_side.Measured, expected: trl_side.Measured) -> None:
    trl_side.assert_same(found, expected)
    accuracy = expected.metrics["mean_token_accuracy"]
    assert found.metrics[names.TOKEN_ACCURACY.name] == pytest.approx(accuracy)


@ARCHITECTURES
@pytest.mark.parametrize("pad", ["<pad>", "<end>"], ids=["pad", "pad is the end"])
def test_one_example_to_a_row(architecture: str, pad: str, trl: Any, tmp_path: Path):
    model = causal_lm(architecture)
    expected = trl_side.theirs(trainer(trl, model, tmp_path, pad))
    assert_same(trl_side.ours(SFT(), model, batches([[i] for i in range(len(ROWS))])), expected)


@ARCHITECTURES
@ATTENTIONS
def test_packed(architecture: str, attention: str, trl: Any, tmp_path: Path):
    model = causal_lm(architecture, attention)
    sequences = pack(lengths(), LONGEST)
    assert max(map(len, sequences)) > 1

    expected = trl_side.theirs(trainer(trl, model, tmp_path, packing=True))

    assert_same(trl_side.ours(SFT(), model, batches(sequences)), expected)
