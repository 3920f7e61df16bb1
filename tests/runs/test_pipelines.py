"""Several runs launched as one."""

from __future__ import annotations

import pytest

from llmhub.runs import pipelines, services
from llmhub.runs.attempts import End, end
from llmhub.runs.claim import claimable
from llmhub.runs.launch import launch as launch_run
from llmhub.runs.models import Pipeline, Run
from llmhub.runs.pipelines import Stage
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import Outcome, State
from tests.accounts.racing import at_once
from tests.factories import make_attempt, make_dataset_version, make_recipe_version
from tests.runs.alignment import recipe, rows, trained


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


def test_a_stage_after_one_that_is_refused_is_not_told_that_it_is_missing(wish, atlas):
    wish["stages"][2] = Stage("reward", recipe("reward"), rows(atlas, "sft"))
    assert refusal(**wish).keys() == {"reward.dataset"}


def test_a_stage_that_starts_from_nothing_before_it_is_refused(wish):
    stages = [wish["stages"][1], wish["stages"][0]]
    assert refusal(**wish | {"stages": stages}).keys() == {"pretrain.recipe"}


def test_dpo_starts_from_the_last_model_that_writes(wish, atlas):
    stages = [*wish["stages"][:3], Stage("dpo", recipe("dpo"), rows(atlas, "dpo"))]
    pipeline = pipelines.launch(**wish | {"stages": stages})
    _, sft, _, dpo = pipeline.runs.order_by("stage")
    assert dpo.inputs.get().source == sft


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


@pytest.mark.django_db(transaction=True)
def test_its_stop_and_the_end_of_its_first_stage_do_not_wait_for_each_other(wish):
    for round_ in range(6):
        pipeline = pipelines.launch(**wish | {"name": f"round {round_}"})
        attempt, _ = make_attempt(pipeline.runs.get(stage=0))
        failed = End(Outcome.FAILED, "crashed")
        said = at_once(
            lambda pipeline=pipeline: pipelines.stop(pipeline),
            lambda attempt=attempt, failed=failed: end(attempt, failed),
        )
        assert not [one for one in said if isinstance(one, Exception)]
        # The first one either failed or ends when its trainer has heard of the stop.
        states = [*pipeline.runs.order_by("stage").values_list("state", flat=True)]
        assert states[0] == State.FAILED
        assert states[1:] == [State.STOPPED] * 3


@pytest.mark.django_db(transaction=True)
def test_its_stop_and_those_of_its_stages_do_not_wait_for_each_other(wish):
    for round_ in range(4):
        pipeline = pipelines.launch(**wish | {"name": f"round {round_}"})
        stops = [lambda run=run: services.stop(run) for run in pipeline.runs.order_by("stage")]
        said = at_once(lambda pipeline=pipeline: pipelines.stop(pipeline), *stops)
        assert not [one for one in said if isinstance(one, Exception)]
        assert {*pipeline.runs.values_list("state", flat=True)} == {State.STOPPED}


@pytest.mark.django_db(transaction=True)
def test_a_source_that_ends_while_it_is_launched_from_keeps_nobody_waiting(wish, atlas, worker):
    for _round in range(6):
        source = trained(atlas, 5, state=State.RUNNING)
        sft = {"recipe_version": recipe("sft"), "data": wish["stages"][1].data, "scale": "full"}
        asked = sft | {"overrides": {"model.base_model": f"run:{source.pk}"}}
        attempt = source.attempts.get()
        _ended, launched = at_once(
            lambda attempt=attempt: end(attempt, End(Outcome.FAILED, "crashed")),
            lambda asked=asked: launch_run(user=wish["user"], project=atlas, **asked),
        )
        if isinstance(launched, Exception):
            assert "still at work" in str(launched)
        else:
            assert claimable().filter(pk=launched.pk).exists()


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
