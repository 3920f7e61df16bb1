"""A training on two processes is the training on one, but for rounding."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from llmhub.lib import metric_names as names
from llmhub.lib.rundir import AttemptDir
from llmhub.recipes.specs import Spec
from tests.training import alignment, small
from tests.training.alignment import Alignments
from tests.training.hub import Hub, hub
from tests.training.small import Place
from workers import trainer

CLOSE = 1e-5


@pytest.fixture
def a_hub() -> Iterator[Hub]:
    with hub() as taken:
        yield taken


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Alignments:
    """Without dropout: each process draws its own."""
    places = Alignments(tmp_path_factory.mktemp("processes"))
    config = places.base / "config.json"
    config.write_text(config.read_text().replace('_pdrop": 0.1', '_pdrop": 0.0'))
    return places


def on_two(attempt: AttemptDir) -> None:
    done = subprocess.run(
        trainer.command(attempt, trainer.MODULE, processes=2),
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert '"succeeded"' in attempt.result.read_text(), attempt.result.read_text()


def assert_close(found: dict[int, float], expected: dict[int, float]) -> None:
    assert found.keys() == expected.keys() != set()
    assert list(found.values()) == pytest.approx(list(expected.values()), rel=CLOSE)


def two(strategy: str) -> dict[str, Any]:
    return {"runtime__processes": 2, "runtime__strategy": strategy}


@pytest.mark.parametrize(
    ("architecture", "strategy"),
    [pytest.param("gpt2", "ddp", marks=pytest.mark.faults), ("llama", "fsdp")],
)
def test_pretraining(
    architecture: str, strategy: str, place: Place, another_place: Place, a_hub: Hub
):
    dropout = {"gpt2": "model__dropout", "llama": "model__attention_dropout"}[architecture]
    changes: dict[str, Any] = {dropout: 0.0, "training__micro_batch_size": 2}
    whole = place.train(small.spec(architecture, **changes))

    attempt = another_place.attempt(small.spec(architecture, **changes, **two(strategy)), a_hub.url)
    on_two(attempt)

    for metric in (names.TRAIN_LOSS, names.VAL_LOSS, names.GRAD_NORM, names.VAL_NATS_PER_CHAR):
        assert_close(a_hub.series(metric.name), whole.series(metric.name))
    assert a_hub.series(names.TOKENS.name) == whole.series(names.TOKENS.name)
    # And its checkpoint goes on with one.
    longer = small.spec(architecture, **changes, training__lr_schedule="constant")
    assert_goes_on_with_one(place, another_place, longer)


@pytest.mark.faults
@pytest.mark.parametrize("sequences", [10, 2], ids=["five looks", "one look"])
def test_an_odd_number_of_looks_at_the_validation(
    sequences: int, place: Place, another_place: Place, a_hub: Hub
):
    """One process has nothing left, or nothing at all, while the other looks: divided weights
    travel all the same."""
    changes: dict[str, Any] = {
        "model__dropout": 0.0,
        "training__micro_batch_size": 2,
        "runtime__eval_sequences": sequences,
    }
    whole = place.train(small.spec(**changes))

    on_two(another_place.attempt(small.spec(**changes, **two("fsdp")), a_hub.url))

    for metric in (names.VAL_LOSS, names.VAL_NATS_PER_CHAR):
        assert_close(a_hub.series(metric.name), whole.series(metric.name))


def assert_goes_on_with_one(place: Place, another_place: Place, spec: Spec) -> None:
    resumed = another_place.root / "checkpoints" / "step-3"
    recorder = small.Recorder()
    another_place.trainer(spec, recorder, resumed).train()
    whole = small.Recorder()
    place.trainer(spec, whole, place.checkpoints / "step-3").train()
    assert_close(recorder.series(names.TRAIN_LOSS.name), whole.series(names.TRAIN_LOSS.name))


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sft packed": ("sft", {}),
    "reward": ("reward", {}),
    "dpo with adapters": ("dpo", {"lora__rank": 2}),
}


# Pretraining on two, above, is the one for every change.
@pytest.mark.faults
@pytest.mark.parametrize("case", CASES)
def test_alignment(case: str, places: Alignments, a_hub: Hub):
    objective, changes = CASES[case]
    whole = places.train(alignment.spec(objective, **changes), f"{case} on one")

    spec = alignment.spec(objective, **changes, **two("ddp"))
    on_two(places.attempt(spec, f"{case} on two", a_hub.url))

    for metric in (names.TRAIN_LOSS, names.VAL_LOSS, names.GRAD_NORM):
        assert_close(a_hub.series(metric.name), whole.series(metric.name))


@pytest.mark.faults
def test_ppo_on_two(places: Alignments, a_hub: Hub):
    """Each process writes answers of its own, so they are others than one would write; but both
    learn from all of them and stay the same model."""
    spec = alignment.spec("ppo", training__max_steps=3, **two("ddp"))
    on_two(places.attempt(spec, "ppo", a_hub.url))

    assert list(a_hub.series(names.PPO_REWARD.name)) == [1, 2, 3]
    resumed = places.train(
        alignment.spec("ppo", training__max_steps=4), "ppo", places.newest("ppo")
    )
    assert list(resumed.series(names.PPO_REWARD.name)) == [4]
