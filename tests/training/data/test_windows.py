from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models

from workers.data.tokens.token_files import Part
from workers.data.tokens.tokenized import Tokenized
from workers.training.data.windows import Source, TextWindows
from workers.training.errors import BadData
from workers.training.world import World


def windows(training: int = 1_000, validation: int = 30, **changes: Any) -> TextWindows:
    """Tokens count up; each covers as many characters as its number."""
    text = Tokenized(
        tokenizer=Tokenizer(models.BPE()),
        training=counting(training),
        validation=counting(validation),
        characters_per_token=np.arange(max(training, validation)),
        characters=training + validation,
        path=Path("nowhere"),
        files={},
    )
    values: dict[str, Any] = {
        "context": 4,
        "micro_batch": 2,
        "accumulation": 3,
        "total_steps": 100,
        "validation_sequences": 200,
        "seed": 7,
    }
    return TextWindows([Source("text", text)], **(values | changes))


def counting(tokens: int) -> Part:
    return Part(np.arange(tokens, dtype=np.uint16), starts=np.array([0, tokens]))


def of_step(source: TextWindows, step: int) -> list[dict[str, torch.Tensor]]:
    (batches,) = source.updates(step)
    return batches


def starts(source: TextWindows, step: int) -> list[int]:
    return torch.cat([b["tokens"] for b in of_step(source, step)])[:, 0].tolist()


def test_a_step_has_its_micro_batches_of_whole_windows():
    batches = [batch["tokens"] for batch in of_step(windows(), 0)]

    assert [batch.shape for batch in batches] == [(2, 5)] * 3
    assert all((batch.diff() == 1).all() for batch in batches)


def test_the_data_of_a_step_depend_on_its_number_and_the_seed_alone():
    source = windows()
    in_order = [starts(source, step) for step in range(4)]

    assert starts(windows(), 3) == in_order[3]
    assert len({tuple(row) for row in in_order}) == 4
    assert starts(windows(seed=8), 3) != in_order[3]


def test_one_text_is_drawn_from_as_ever():
    """Or else a run of an earlier release would go on with other data than it began with."""
    drawn = np.random.default_rng([7, 3]).integers(0, 996, size=(3, 2))
    assert starts(windows(), 3) == drawn.flatten().tolist()


def test_windows_reach_the_first_and_the_last_token():
    source = windows(training=7)
    seen = {start for step in range(50) for start in starts(source, step)}

    assert seen == {0, 1, 2}


def test_validation_predicts_each_token_once():
    source = windows(validation=13)
    batches = [batch["tokens"] for batch in source.validation()]

    assert torch.cat(batches)[:, 1:].flatten().tolist() == list(range(1, 13))
    assert [len(batch) for batch in batches] == [2, 1]
    assert source.validation_characters == sum(range(1, 13))


def test_a_part_of_the_validation_is_spread_over_the_text():
    """Seven windows, four wanted: those that begin at 0, 1, 3 and 5 times the context."""
    source = windows(validation=30, validation_sequences=4)

    batches = list(source.validation())
    assert torch.cat([b["tokens"] for b in batches])[:, 0].tolist() == [0, 4, 12, 20]


def test_devices_of_any_size_validate_on_the_same_windows():
    def seen(micro_batch: int) -> list[int]:
        source = windows(validation=90, validation_sequences=7, micro_batch=micro_batch)
        return torch.cat([b["tokens"] for b in source.validation()])[:, 0].tolist()

    assert seen(1) == seen(2) == seen(64)


@pytest.mark.parametrize(
    ("lengths", "part"), [((4, 30), "training part"), ((30, 4), "validation part")]
)
def test_a_text_shorter_than_a_window_says_what_to_change(lengths, part: str):
    with pytest.raises(BadData, match=f"{part} of “text” has 4 tokens .* takes 5: take a longer"):
        windows(*lengths)


def two_texts(**changes: Any) -> TextWindows:
    """The second counts from 5,000 on."""
    first, second = windows().sources[0], windows().sources[0]
    far = replace(
        second.text,
        training=Part(np.arange(5_000, 6_000, dtype=np.uint16), np.array([0, 1_000])),
        validation=Part(np.arange(5_000, 5_030, dtype=np.uint16), np.array([0, 30])),
    )
    values: dict[str, Any] = {
        "context": 4,
        "micro_batch": 2,
        "accumulation": 3,
        "total_steps": 100,
        "validation_sequences": 6,
        "seed": 7,
    }
    sources = [Source("near", first.text, 0.75), Source("far", far, 0.25)]
    return TextWindows(sources, **(values | changes))


def test_every_source_has_its_share_after_any_number_of_steps():
    source = two_texts()
    found = [start >= 5_000 for step in range(50) for start in starts(source, step)]

    for rows in range(1, len(found)):
        assert abs(sum(found[:rows]) - rows / 4) <= 6
    assert source.measured() == {"data/share/near": 0.75, "data/share/far": 0.25}


def test_a_share_is_right_at_once_after_going_on_in_the_middle():
    walked, resumed = two_texts(), two_texts()
    for step in range(8):
        starts(walked, step)
    starts(resumed, 7)

    assert resumed.measured() == walked.measured()


def test_the_share_is_that_of_the_steps_that_were_made():
    """Of 6 windows a step a tenth: of the first six 1, of twelve 1, of eighteen 2."""
    first, second = two_texts().sources
    source = two_texts()
    uneven = replace(source, sources=[replace(first, share=0.9), replace(second, share=0.1)])
    found = []
    for step in range(3):
        drawn = sum(start >= 5_000 for start in starts(uneven, step))
        found.append((drawn, uneven.measured()["data/share/far"]))

    assert found == [(1, 1 / 6), (0, 1 / 12), (1, 2 / 18)]


def test_no_place_of_a_batch_belongs_to_a_source():
    """Though of eight windows always two are of the second text."""
    source = two_texts(accumulation=4)
    is_far = np.array([[start >= 5_000 for start in starts(source, step)] for step in range(60)])

    assert (is_far.sum(1) == 2).all()
    assert (is_far.any(0) & ~is_far.all(0)).all()


def test_each_source_has_its_share_of_the_validation():
    """Of eight windows; each has seven to give."""
    batches = two_texts(validation_sequences=8).validation()
    found = torch.cat([batch["tokens"] for batch in batches])[:, 0].tolist()

    assert found == [0, 4, 8, 12, 16, 20, 5_000, 5_012]


@pytest.mark.parametrize("sequences", [1, 5, 6, 7])
def test_every_validation_window_is_some_process_s_own(sequences: int):
    """However many there are: three processes, two windows at a time."""
    whole = torch.cat(
        [b["tokens"] for b in windows(100, 90, validation_sequences=sequences).validation()]
    )
    parts = [
        list(windows(100, 90, validation_sequences=sequences, world=World(rank, 3)).validation())
        for rank in range(3)
    ]

    together = torch.cat([batch["tokens"] for part in parts for batch in part])
    assert sorted(together.tolist()) == sorted(whole.tolist())
    # The first has the most: it is the one that lends.
    assert len(parts[0]) == max(map(len, parts))


@pytest.mark.parametrize("make", [windows, two_texts])
def test_processes_share_a_step_out(make: Any):
    whole = of_step(make(accumulation=4), 5)
    parts = [of_step(make(accumulation=2, world=World(rank, 2)), 5) for rank in (0, 1)]

    together = [batch["tokens"] for pair in zip(*parts, strict=True) for batch in pair]
    assert all(torch.equal(mine, one["tokens"]) for mine, one in zip(together, whole, strict=True))


def test_processes_share_the_validation_out():
    whole = torch.cat([batch["tokens"] for batch in two_texts().validation()])
    parts = [list(two_texts(world=World(rank, 2)).validation()) for rank in (0, 1)]

    together = torch.cat([batch["tokens"] for part in parts for batch in part])
    assert sorted(together.tolist()) == sorted(whole.tolist())
