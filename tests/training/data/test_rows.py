"""Rows as objectives learn from them, and their batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from workers.data.tokens.token_files import Part
from workers.training.data.batches import (
    ExampleBatches,
    PairBatches,
    Plan,
    PromptStream,
    Source,
)
from workers.training.data.rows import Examples, Packed, Pairs, Prompts
from workers.training.errors import BadData
from workers.training.objectives.attention import block_mask
from workers.training.world import World

END = 0


def part(*rows: tuple[list[int], list[int]]) -> Part:
    """Each row: the tokens of its prompt, and those of its answer."""
    tokens = [token for prompt, answer in rows for token in (*prompt, *answer)]
    mask = [bit for prompt, answer in rows for bit in (*([0] * len(prompt)), *([1] * len(answer)))]
    lengths = [len(prompt) + len(answer) for prompt, answer in rows]
    starts = np.cumsum([0, *lengths])
    return Part(np.array(tokens, dtype=np.uint16), starts, np.array(mask, dtype=np.uint8))


def plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "epochs": 1,
        "max_steps": None,
        "batch_size": 2,
        "micro_batch_size": 1,
        "validation_rows": 10,
        "seed": 5,
        "world": World(),
    }
    return Plan(**(values | changes))


EXAMPLES = part(([1, 2], [3, END]), ([4], [5, 6, 7, END]), ([8, 9, 8, 9, 8], [7, END]))


class TestExamples:
    def test_long_ones_are_cut_and_those_without_an_answer_left_out(self):
        examples = Examples(EXAMPLES, longest=4)

        assert (examples.cut.rows, examples.cut.shortened, examples.cut.left_out) == (3, 2, 1)
        tokens, mask = examples.tokens(1)
        assert (tokens.tolist(), mask.tolist()) == ([4, 5, 6, 7], [0, 1, 1, 1])

    def test_what_is_left_behind_the_cut_begins_with_the_second_token(self):
        """The first is predicted from nothing: an answer without a prompt is one token poorer."""
        rows = part(([], [5, END]), ([1, 2], [3, END]), ([], [4]))
        examples = Examples(rows, longest=2)

        assert [examples.tokens(i)[0].tolist() for i in range(len(examples))] == [[5, END]]
        assert (examples.cut.shortened, examples.cut.left_out) == (1, 2)

    def test_the_end_is_learned_and_padding_is_not_though_it_is_the_same_token(self):
        source = Source("a", 1.0, Examples(EXAMPLES, 8), Examples(EXAMPLES, 8))
        batches = ExampleBatches([source], plan(batch_size=4, micro_batch_size=4))
        ((batch,),) = batches.updates(0)

        learned = batch["tokens"][batch["loss_mask"]]
        assert (learned == END).sum() == 4
        assert not batch["loss_mask"][batch["segments"] == 0].any()
        assert block_mask(batch["segments"]) is None

    def test_packed_ones_have_positions_and_segments_of_their_own(self):
        packed = Packed(Examples(EXAMPLES, 9))
        source = Source("a", 1.0, packed, packed)
        ((batch,),) = ExampleBatches([source], plan(batch_size=1)).updates(0)

        assert len(packed) == 2
        for row in range(len(batch["tokens"])):
            segments, positions = batch["segments"][row], batch["positions"][row]
            for segment in segments.unique():
                mine = segments == segment
                if segment:
                    assert positions[mine].tolist() == list(range(int(mine.sum())))
                    # Its first token is predicted from nothing.
                    assert not batch["loss_mask"][row][mine][0]

    def test_packed_ones_are_all_there_once_in_every_epoch(self):
        examples = Examples(part(*[([i + 1], [i + 2] * (i % 5) + [END]) for i in range(40)]), 16)
        packed = Packed(examples)
        batches = ExampleBatches(
            [Source("a", 1.0, packed, packed)], plan(batch_size=len(packed), epochs=2)
        )

        assert batches.total_steps == 2
        for step in range(2):
            ((*micro_batches,),) = batches.updates(step)
            firsts = [
                int(token)
                for batch in micro_batches
                for token in batch["tokens"][(batch["positions"] == 0) & (batch["segments"] > 0)]
            ]
            assert sorted(firsts) == list(range(1, 41))
            assert all(batch["tokens"].shape[1] <= 16 for batch in micro_batches)

    def test_nothing_left_says_what_to_change(self):
        short = Examples(EXAMPLES, longest=1)
        with pytest.raises(BadData, match=r"of 3 rows 3 are cut and 3 left out.*longer sequences"):
            ExampleBatches([Source("a", 1.0, short, short)], plan())

    def test_nothing_for_validation_says_what_to_change(self):
        rows, none = Examples(EXAMPLES, 8), Examples(part(), 8)
        with pytest.raises(BadData, match=r"“a” for validation.*Raise the validation share"):
            ExampleBatches([Source("a", 1.0, rows, none)], plan())


PAIRS = part(
    ([1, 2, 3], [4, END]),
    ([1, 2, 3], [5, 6, END]),
    ([7], [8, END]),
    ([7], [8, END]),
    ([1], [2, 3, 4, 5, END]),
    ([1], [3, END]),
)


class TestPairs:
    def test_equal_answers_teach_nothing(self):
        pairs = Pairs(PAIRS, longest=10)
        assert (len(pairs), pairs.cut.rows, pairs.cut.left_out) == (2, 3, 1)

    def test_a_long_prompt_loses_its_beginning_in_both_sequences(self):
        batch = Pairs(PAIRS, longest=10, longest_prompt=2).batch([0])

        assert batch["tokens"].tolist() == [[2, 3, 4, END, 0], [2, 3, 5, 6, END]]
        assert batch["lengths"].tolist() == [4, 5]
        assert batch["loss_mask"].tolist() == [
            [False, False, True, True, False],
            [False, False, True, True, True],
        ]

    def test_a_long_answer_loses_its_end(self):
        batch = Pairs(PAIRS, longest=3, longest_prompt=1).batch([1])
        assert batch["tokens"].tolist() == [[1, 2, 3], [1, 3, END]]

    def test_a_pair_without_one_of_its_answers_is_left_out(self):
        """The prompt of three tokens fills all there is."""
        pairs = Pairs(PAIRS, longest=3)
        assert [pairs.batch([i])["tokens"].tolist() for i in range(len(pairs))] == [
            [[1, 2, 3], [1, 3, END]]
        ]
        assert (pairs.cut.shortened, pairs.cut.left_out) == (2, 2)

    def test_answers_that_differ_behind_the_cut_alone_teach_nothing(self):
        rows = part(([1], [2, 3, 4, END]), ([1], [2, 3, 5, END]))
        assert len(Pairs(rows, longest=3)) == 0
        assert len(Pairs(rows, longest=4)) == 1

    def test_a_long_answer_is_cut_for_a_reward_model_too(self):
        """Left out, as TRL does it, a small context would have nothing to learn from."""
        batch = Pairs(PAIRS, longest=4).batch([1])
        assert batch["tokens"].tolist() == [[1, 2, 3, 4], [1, 3, END, 0]]
        assert batch["lengths"].tolist() == [4, 3]

    def test_a_short_prompt_is_whole_beside_a_long_one(self):
        pairs = Pairs(PAIRS, longest=10, longest_prompt=1)
        # Answers of 2, 3, 5 and 2 tokens, each behind one of its prompt.
        assert pairs.batch([0, 1])["lengths"].tolist() == [3, 4, 6, 3]
        assert pairs.batch([1])["tokens"].tolist() == [[1, 2, 3, 4, 5, END], [1, 3, END, 0, 0, 0]]

    def test_no_pair_left_says_what_to_change(self):
        pairs = Pairs(PAIRS, longest=1)
        with pytest.raises(BadData, match=r"of 3 rows 3 are cut and 3 left out.*longer sequences"):
            PairBatches([Source("a", 1.0, pairs, pairs)], plan())

    def test_a_reference_stands_beside_its_pair(self):
        pairs = Pairs(PAIRS, longest=10)
        batches = PairBatches([Source("a", 1.0, pairs, pairs)], plan(epochs=3))
        every = torch.cat([batch["lengths"] for batch in batches.every_pair("training", 0)])
        logps = every.numpy().astype(np.float32)
        batches.set_reference({"training": [logps], "validation": [logps]})

        for step in range(batches.total_steps):
            for (micro_batches,) in [batches.updates(step)]:
                for batch in micro_batches:
                    assert batch["reference_logps"].tolist() == batch["lengths"].tolist()


class TestPrompts:
    ROWS = part(([1, 2, 3], []), ([4], []), ([9, 2, 3], []), ([1, 2, 3], []))

    def test_each_is_there_once_and_long_ones_lose_their_beginning(self):
        prompts = Prompts(self.ROWS, longest=2)

        found = [prompts.tokens(i).tolist() for i in range(len(prompts))]
        assert found == [[2, 3], [4]]
        assert (prompts.cut.shortened, prompts.cut.left_out) == (3, 2)

    def test_of_a_preference_there_is_one(self):
        prompts = Prompts(PAIRS, longest=9, every=2)
        assert [prompts.tokens(i).tolist() for i in range(3)] == [[1, 2, 3], [7], [1]]

    def test_an_answer_is_no_part_of_them(self):
        prompts = Prompts(EXAMPLES, longest=9)
        assert [prompts.tokens(i).tolist() for i in range(3)] == [[1, 2], [4], [8, 9, 8, 9, 8]]
        assert prompts.lengths.tolist() == [2, 1, 5]

    def test_nothing_to_answer_is_left_out(self):
        prompts = Prompts(part(([], [1, END]), ([3], [1, END])), longest=9)
        assert [prompts.tokens(i).tolist() for i in range(len(prompts))] == [[3]]

    def test_they_need_no_validation_but_something_to_answer(self):
        some, none = Prompts(self.ROWS, longest=4), Prompts(part(), longest=4)
        assert PromptStream([Source("a", 1.0, some, none)], plan()).total_steps == 2
        with pytest.raises(BadData, match="Nothing is left of “a” for training: of 0 rows"):
            PromptStream([Source("a", 1.0, none, some)], plan())

    def test_shares_after_going_on_in_the_middle(self):
        long = Prompts(part(*[([i + 1] * 9, []) for i in range(12)]), longest=20)
        short = Prompts(part(*[([i + 1], []) for i in range(12)]), longest=20)
        sources = [Source("long", 0.75, long, long), Source("short", 0.25, short, short)]
        walked, resumed = (PromptStream(sources, plan(batch_size=4, epochs=9)) for _ in range(2))
        for step in range(31):
            walked.batch(step, World())
        resumed.batch(30, World())

        assert resumed.measured() == walked.measured()
        assert walked.measured()["data/share/long"] == pytest.approx(0.75, abs=0.03)

    def test_processes_answer_different_ones(self):
        prompts = Prompts(part(*[([i + 1], []) for i in range(8)]), longest=4)
        stream = PromptStream([Source("a", 1.0, prompts, prompts)], plan(batch_size=4))
        whole = stream.batch(1, World())
        parts = [*stream.batch(1, World(0, 2)), *stream.batch(1, World(1, 2))]
        assert [p.tolist() for p in parts] == [p.tolist() for p in whole]


class TestBatches:
    ROWS = part(*[([i + 1], [i + 2, END]) for i in range(11)])

    def batches(self, **changes: Any) -> ExampleBatches:
        rows = Examples(self.ROWS, 8)
        return ExampleBatches([Source("a", 1.0, rows, rows)], plan(**changes))

    def test_the_last_batch_of_all_epochs_is_filled_up(self):
        """11 rows twice in batches of 4: 22 / 4, rounded up."""
        assert self.batches(batch_size=4, epochs=2).total_steps == 6
        assert self.batches(batch_size=4, epochs=2, max_steps=5).total_steps == 5

    def test_processes_share_a_step_out(self):
        (whole,) = self.batches(batch_size=4).updates(1)
        parts = [
            next(iter(self.batches(batch_size=4, world=World(rank, 2)).updates(1)))
            for rank in (0, 1)
        ]
        together = [batch for pair in zip(*parts, strict=True) for batch in pair]
        assert all(
            torch.equal(a["tokens"], b["tokens"]) for a, b in zip(together, whole, strict=True)
        )

    def test_validation_is_spread_and_shared_out(self):
        whole = [b["tokens"][0, 0].item() for b in self.batches(validation_rows=4).validation()]
        assert whole == [1, 3, 6, 9]
        parts = [
            [
                b["tokens"][0, 0].item()
                for b in self.batches(validation_rows=4, world=World(r, 2)).validation()
            ]
            for r in (0, 1)
        ]
        assert sorted(parts[0] + parts[1]) == whole

    def test_shares_are_those_of_the_tokens_also_after_going_on_in_the_middle(self):
        long = Examples(part(*[([1] * 20, [2, END]) for _ in range(30)]), 40)
        short = Examples(part(*[([1], [2, END]) for _ in range(30)]), 40)
        sources = [Source("long", 0.5, long, long), Source("short", 0.5, short, short)]

        def made() -> ExampleBatches:
            return ExampleBatches(sources, plan(batch_size=8, epochs=50))

        walked, resumed = made(), made()
        for step in range(100):
            list(walked.updates(step))
        list(resumed.updates(99))
        assert resumed.measured() == walked.measured()
        assert walked.measured()["data/share/long"] == pytest.approx(0.5, abs=0.02)

    def test_one_source_has_no_shares_to_show(self):
        batches = self.batches()
        list(batches.updates(0))
        assert batches.measured() == {}

    def test_every_source_has_its_share_of_the_validation_and_at_least_one_row(self):
        many, few = Examples(self.ROWS, 8), Examples(part(([7], [8, END])), 8)
        sources = [Source("many", 0.9, many, many), Source("few", 0.1, few, few)]
        batches = ExampleBatches(sources, plan(validation_rows=4))
        assert [b["tokens"][0, 0].item() for b in batches.validation()] == [1, 3, 6, 9, 7]

    def test_the_log_says_what_there_is_to_learn_from(self):
        sources: list[Source[Any]] = [
            Source("a", 1.0, Packed(Examples(EXAMPLES, 6)), Examples(EXAMPLES, 9))
        ]
        batches = ExampleBatches(sources, plan())

        training, validation, steps = batches.notes()
        assert training == (
            "a, training: 3 rows with 15 tokens, packed into 3 sequences "
            "(of 3 rows 1 are cut and 0 left out)"
        )
        assert validation == (
            "a, validation: 3 rows with 16 tokens (of 3 rows 0 are cut and 0 left out)"
        )
        assert steps == "2 steps"
