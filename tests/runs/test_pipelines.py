"""Several runs launched as one."""

from __future__ import annotations

import pytest

from llmhub.runs import pipelines
from llmhub.runs.models import Pipeline, Run
from llmhub.runs.pipelines import Stage
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import State
from tests.accounts.racing import at_once
from tests.factories import make_dataset_version, make_recipe_version
from tests.runs.alignment import recipe, rows


@pytest.fixture
def wish(alice, atlas) -> dict:
    stages = [Stage("pretrain", make_recipe_version(), make_dataset_version(atlas))]
    stages += [Stage(name, recipe(name), rows(atlas, name)) for name in ("sft", "reward", "ppo")]
    return {"user": alice, "project": atlas, "name": "all", "scale": "full", "stages": stages}


def refusal(**wish) -> dict[str, list[str]]:
    with pytest.raises(LaunchRefused) as caught:
        pipelines.launch(**wish)
    assert not Pipeline.objects.exists()
    assert not Run.objects.exists()
    return caught.value.errors


def test_every_stage_starts_from_what_came_before(wish):
    pipeline = pipelines.launch(**wish)

    pretrain, sft, reward, ppo = pipeline.runs.order_by("stage")
    assert {run.state for run in (pretrain, sft, reward, ppo)} == {State.QUEUED}
    edges = {
        run: dict(run.inputs.values_list("role", "source")) for run in (pretrain, sft, reward, ppo)
    }
    assert edges == {
        pretrain: {},
        sft: {"model.base_model": pretrain.pk},
        reward: {"model.base_model": sft.pk},
        ppo: {"model.base_model": sft.pk, "model.reward_model": reward.pk},
    }
    assert ppo.config["model"] == {
        "base_model": f"run:{sft.pk}",
        "reward_model": f"run:{reward.pk}",
    }


def test_all_runs_or_none_with_every_reason_by_stage(wish, atlas):
    wrong = rows(atlas, "sft")
    stages = wish["stages"]
    stages[2] = Stage("reward", recipe("reward"), wrong)
    stages[3] = Stage("ppo", recipe("ppo"), rows(atlas, "ppo"), {"training.batch_size": 7})
    assert refusal(**wish).keys() == {"reward.dataset", "ppo.training.mini_batch_size"}


def test_one_stage_is_no_pipeline(wish):
    assert "2" in refusal(**wish | {"stages": wish["stages"][:1]})[""][0]


def test_stages_in_the_wrong_order_are_refused(wish):
    stages = [wish["stages"][3], wish["stages"][2]]
    assert "ppo.model.reward_model" in refusal(**wish | {"stages": stages})


def test_the_same_key_gives_the_same_pipeline_and_another_wish_is_refused(wish):
    first = pipelines.launch(**wish, idempotency_key="k")
    assert pipelines.launch(**wish, idempotency_key="k") == first
    with pytest.raises(LaunchRefused, match="already launched"):
        pipelines.launch(**wish | {"name": "other"}, idempotency_key="k")
    assert Run.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_double_press_launches_once(wish):
    press = lambda: pipelines.launch(**wish, idempotency_key="k")  # noqa: E731
    assert len(set(at_once(press, press))) == 1
    assert Run.objects.count() == 4


def test_stopping_it_stops_every_stage(wish):
    pipeline = pipelines.launch(**wish)
    assert pipelines.stop(pipeline) == 4
    assert set(pipeline.runs.values_list("state", flat=True)) == {State.STOPPED}
    assert pipelines.stop(pipeline) == 0


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (["queued", "queued"], "queued"),
        (["running", "queued"], "running"),
        (["succeeded", "running"], "running"),
        (["succeeded", "succeeded"], "succeeded"),
        (["failed", "stopped"], "failed"),
        (["succeeded", "stopped"], "stopped"),
        (["succeeded", "paused"], "paused"),
    ],
)
def test_the_state_of_the_whole(states, whole):
    assert pipelines.state_of([Run(state=state) for state in states]) == whole
