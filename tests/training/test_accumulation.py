"""A step in parts is the step at once, whatever its parts hold."""

from __future__ import annotations

from typing import Any

import pytest

from llmhub.lib import metric_names as names
from tests.training import alignment
from tests.training.alignment import Alignments
from tests.training.small import Recorder

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sft": ("sft", {"training__packing": False}),
    "sft packed": ("sft", {}),
    "reward": ("reward", {}),
    "dpo": ("dpo", {}),
    "dpo with adapters": ("dpo", {"lora__rank": 2}),
}
STEPS = 3


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Alignments:
    """Without dropout: each micro-batch draws its own."""
    places = Alignments(tmp_path_factory.mktemp("accumulation"))
    config = places.base / "config.json"
    config.write_text(config.read_text().replace('_pdrop": 0.1', '_pdrop": 0.0'))
    return places


def assert_close(found: Recorder, expected: Recorder, name: str) -> None:
    mine, theirs = found.series(name), expected.series(name)
    assert mine.keys() == theirs.keys() != set()
    assert list(mine.values()) == pytest.approx(list(theirs.values()), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_four_parts_are_the_whole(case: str, places: Alignments):
    objective, changes = CASES[case]
    changes = changes | {"training__max_steps": STEPS, "training__learning_rate": 1e-3}
    whole, parts = (
        places.train(
            alignment.spec(objective, **changes, training__micro_batch_size=size),
            f"{case} in {8 // size}",
        )
        for size in (8, 2)
    )

    measured = set(whole.points[-1][1]) - {
        *(names.TOKENS_PER_SECOND.name, names.STEP_TIME.name, names.MEMORY_PEAK.name),
    }
    for name in {names.TRAIN_LOSS.name, names.GRAD_NORM.name, names.VAL_LOSS.name} | measured:
        assert_close(parts, whole, name)


def test_a_token_counts_alike_in_a_poor_and_in_a_rich_part(places: Alignments):
    """A part with few tokens to learn is no louder: the loss is that of all tokens, and not the
    mean of the means."""
    spec = alignment.spec("sft", training__packing=False)
    run = places.trainer(spec, Recorder(), "parts")
    (batches,) = run.batches.updates(0)
    weights = [run.objective.weight(batch) for batch in batches]
    losses = [run.objective.loss(run.model.eval(), batch).total.item() for batch in batches]
    assert len(set(weights)) > 1

    recorder = places.train(alignment.spec("sft", training__packing=False), "step")

    loss = recorder.series(names.TRAIN_LOSS.name)[1]
    assert loss == pytest.approx(sum(losses) / sum(weights), rel=1e-5)
    of_means = sum(a / b for a, b in zip(losses, weights, strict=True)) / len(weights)
    assert abs(of_means / loss - 1) > 1e-4


def test_a_rollout_in_small_parts_is_that_in_large_ones(places: Alignments):
    """The same answers, the same loss of every mini-batch."""
    whole, parts = (
        places.train(
            alignment.spec(
                "ppo",
                training__max_steps=1,
                training__micro_batch_size=size,
                training__learning_rate=1e-4,
            ),
            f"ppo by {size}",
        )
        for size in (4, 1)
    )
    for metric in (
        *(names.PPO_REWARD, names.PPO_KL, names.PPO_POLICY_LOSS, names.PPO_VALUE_LOSS),
        *(names.PPO_ENTROPY, names.PPO_EXPLAINED_VARIANCE, names.GRAD_NORM),
    ):
        assert_close(parts, whole, metric.name)
