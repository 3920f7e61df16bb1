from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from llmhub.lib import metric_names as names
from tests.training.objectives.toys import (
    ARCHITECTURES,
    ATTENTIONS,
    END,
    VOCABULARY,
    Bigram,
    causal_lm,
    gradient,
)
from workers.training.data.rows import example_batch
from workers.training.objectives import Batch
from workers.training.objectives.sft import SFT

Example = tuple[list[int], list[int]]  # tokens, and 1 where they are learned

EXAMPLES: list[Example] = [
    ([5, 6, 7, 8, 9, END], [0, 0, 0, 1, 1, 1]),
    ([10, 11, 12, END], [0, 0, 1, 1]),
    ([5, 13, 14, 15, 16, 17, 18, END], [0, 0, 0, 0, 1, 1, 1, 1]),
]
LEARNED = 3 + 2 + 4


def batch_of(*rows: list[Example]) -> Batch:
    return example_batch([[(np.array(t), np.array(m)) for t, m in row] for row in rows])


def total(model: PreTrainedModel, batch: Batch) -> float:
    return SFT().loss(model, batch).total.item()


def only(batch: Batch, segment: int) -> Batch:
    """The same batch, of which one example is learned."""
    return batch | {"loss_mask": batch["loss_mask"] & (batch["segments"] == segment)}


def test_only_the_answer_counts():
    """1 -> 2 with p = 2/3, the likeliest; 2 -> 1 with p = 1/3, which is not: ln 3/2 + ln 3."""
    table = torch.zeros(3, 3)
    table[1, 2] = math.log(4)  # odds 1 : 1 : 4
    model = Bigram(table)
    batch = batch_of([([0, 1, 2, 1], [0, 0, 1, 1])])

    loss = SFT().loss(model, batch)

    assert SFT().weight(batch) == 2
    assert SFT().tokens(batch) == 4
    assert loss.total.item() == pytest.approx(math.log(3 / 2) + math.log(3))
    # Of three equal ones the first is taken, and that is token 0.
    assert loss.sums[names.TOKEN_ACCURACY.name].item() == 1


def test_the_first_token_of_an_example_is_never_learned():
    """Nothing is before it, or another example is."""
    everything = [([5, 6, 7], [1, 1, 1]), ([8, 9], [1, 1])]
    assert SFT().weight(batch_of(everything)) == 2 + 1


@ARCHITECTURES
@ATTENTIONS
def test_packed_examples_are_the_separate_ones(architecture: str, attention: str):
    model = causal_lm(architecture, attention)
    packed = batch_of(EXAMPLES)
    alone = [batch_of([example]) for example in EXAMPLES]

    found = [total(model, only(packed, segment)) for segment in (1, 2, 3)]

    assert found == pytest.approx([total(model, batch) for batch in alone], rel=1e-5)
    assert total(model, packed) == pytest.approx(sum(found), rel=1e-5)
    assert SFT().weight(packed) == sum(map(SFT().weight, alone)) == LEARNED


@ARCHITECTURES
@ATTENTIONS
def test_the_gradient_of_packed_examples_is_that_of_the_separate_ones(
    architecture: str, attention: str
):
    packed, apart = causal_lm(architecture, attention), causal_lm(architecture, attention)

    SFT().loss(packed, batch_of(EXAMPLES)).total.backward()
    for example in EXAMPLES:
        SFT().loss(apart, batch_of([example])).total.backward()

    difference = (gradient(packed) - gradient(apart)).norm() / gradient(apart).norm()
    assert difference < 1e-5


@ARCHITECTURES
@ATTENTIONS
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_no_example_sees_another(architecture: str, attention: str, precision: str):
    """Nor does it look ahead: its last token is no help in predicting those before."""
    model = causal_lm(architecture, attention)
    before, example, after = EXAMPLES

    def loss_of(before: Example, example: Example, after: Example) -> float:
        batch = only(batch_of([before, example, after]), 2)
        last = len(before[0]) + len(example[0]) - 1
        batch["loss_mask"][:, last] = False
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return total(model, batch)

    expected = loss_of(before, example, after)

    assert expected > 0
    assert loss_of(other(before), example, after) == expected
    assert loss_of(before, example, other(after)) == expected
    assert loss_of(before, ([*example[0][:-1], 26], example[1]), after) == expected


def other(example: Example) -> Example:
    tokens, mask = example
    return [20 + token % 7 for token in tokens], mask


@ARCHITECTURES
def test_what_stands_in_the_padding_changes_nothing(architecture: str):
    """Packed or not."""
    model = causal_lm(architecture)
    for rows in ([EXAMPLES[:2], EXAMPLES[1:2]], [EXAMPLES[:1], EXAMPLES[1:2]]):
        batch = batch_of(*rows)
        padding = batch["segments"] == 0
        filled = batch | {"tokens": torch.where(padding, VOCABULARY - 1, batch["tokens"])}

        assert padding.any()
        assert total(model, filled) == total(model, batch)


def test_the_mask_decides_and_not_the_token():
    """Padded with the token that ends a text: its own end is learned, the padding is not."""
    model = causal_lm("gpt2")
    batch = batch_of(EXAMPLES[:1], EXAMPLES[1:2])
    padding = batch["segments"] == 0
    with_ends = batch | {"tokens": torch.where(padding, END, batch["tokens"])}
    without_end = batch_of([([5, 6, 7, 8, 9], [0, 0, 0, 1, 1])], EXAMPLES[1:2])

    assert (with_ends["tokens"] == END).sum() == 1 + 1 + padding.sum()
    assert SFT().weight(with_ends) == 5
    assert total(model, with_ends) == total(model, batch)
    assert total(model, with_ends) > total(model, without_end)


def test_a_micro_batch_with_nothing_to_learn_has_a_gradient_of_zero():
    model = causal_lm("gpt2")
    SFT().loss(model, batch_of([([5, 6, 7], [0, 0, 0])])).total.backward()
    assert gradient(model).abs().max() == 0
