"""The public HTTP API: what a script can do with a token, and what it is told when it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from llmhub.metrics import ingest
from llmhub.runs.models import Pipeline, Run
from llmhub.runs.states import State
from tests.factories import (
    join,
    make_attempt,
    make_dataset_version,
    make_mix,
    make_project,
    make_recipe_version,
    make_run,
    make_user,
)
from tests.runs import alignment

pytestmark = pytest.mark.django_db


class Caller:
    """A script with a token."""

    def __init__(self, secret: str) -> None:
        self.client = Client(headers={"authorization": f"Bearer {secret}"})

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1{path}")

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(
            f"/api/v1{path}", json.dumps(body), content_type="application/json", headers=headers
        )


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def alice(project):
    user = make_user()
    join(user, project)
    return user


@pytest.fixture
def script(alice, project):
    _row, secret = tokens.create(alice, project, "script", [Scope.READ, Scope.LAUNCH])
    return Caller(secret)


@pytest.fixture
def wish(project):
    recipe, data = make_recipe_version().recipe, make_dataset_version(project).dataset
    return {"recipe": recipe.slug, "dataset": data.slug, "scale": "full", "name": "first"}


def test_a_launch_queues_a_run_with_the_overrides(script, wish):
    answer = script.post("/runs", wish | {"overrides": {"training.learning_rate": 0.001}})
    assert answer.status_code == 201, answer.content
    run = Run.objects.get(pk=answer.json()["id"])
    assert run.state == State.QUEUED
    assert run.config["training"]["learning_rate"] == 0.001
    assert answer.json()["overrides"] == {"training.learning_rate": 0.001}


def test_the_same_key_launches_once(script, wish):
    key = {"Idempotency-Key": "nightly-1"}
    first = script.post("/runs", wish, **key).json()["id"]
    assert script.post("/runs", wish, **key).json()["id"] == first
    assert Run.objects.count() == 1


def test_the_same_key_with_another_wish_is_refused(script, wish):
    key = {"Idempotency-Key": "nightly-1"}
    script.post("/runs", wish, **key)
    answer = script.post("/runs", wish | {"name": "second"}, **key)
    assert answer.status_code == 422
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"overrides": {"training.learning_rate": -1}}, "training.learning_rate"),
        ({"overrides": {"training.colour": "red"}}, "training.colour"),
        ({"recipe": "no-such-recipe"}, "recipe"),
        ({"dataset": "no-such-dataset"}, "dataset"),
        ({"dataset": "x@one"}, "dataset"),
        ({"scale": "huge"}, "scale"),
    ],
)
def test_a_refusal_names_the_field_and_launches_nothing(script, wish, change, field):
    answer = script.post("/runs", wish | change)
    assert answer.status_code == 422
    assert any(name.endswith(field) for name in answer.json()["fields"]), answer.json()
    assert not Run.objects.exists()


class TestMixesAndModels:
    @pytest.fixture
    def sft(self, project) -> dict[str, Any]:
        version = alignment.recipe("sft")
        parts = {"a": alignment.rows(project, "sft"), "b": alignment.rows(project, "sft")}
        mix = make_mix(project, parts)
        return {"recipe": version.recipe.slug, "mix": mix.mix.slug}

    def test_a_mix_takes_the_place_of_a_dataset(self, script, sft):
        answer = script.post("/runs", sft)
        assert answer.status_code == 201, answer.content
        said = answer.json()
        assert (said["mix"], said["dataset"], said["dataset_version"]) == (sft["mix"], None, 1)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"mix": "no-such-mix"}, "mix"),
            ({"dataset": "any"}, "mix"),
            ({"overrides": {"model.base_model": "llama"}}, "model.base_model"),
            ({"overrides": {"model.base_model": "run:999999"}}, "model.base_model"),
        ],
        ids=["mix", "both", "no model", "no run"],
    )
    def test_what_is_not_there_is_named(self, script, sft, change, field):
        answer = script.post("/runs", sft | change)
        assert answer.status_code == 422
        assert answer.json()["fields"].keys() == {field}

    def test_a_mix_of_another_project_does_not_exist(self, script, sft):
        other = make_project("borealis")
        theirs = make_mix(other, {"a": alignment.rows(other, "sft")})
        assert "mix" in script.post("/runs", sft | {"mix": theirs.mix.slug}).json()["fields"]

    def test_a_run_is_started_from(self, script, sft, project):
        source = alignment.trained(project, 10)
        wish = sft | {"overrides": {"model.base_model": f"run:{source.pk}/step-10"}}
        run = Run.objects.get(pk=script.post("/runs", wish).json()["id"])
        assert run.inputs.get().source == source


class TestGoingOn:
    @pytest.fixture
    def source(self, project) -> Run:
        version = make_recipe_version()
        return alignment.trained(project, 10, 20, recipe_version=version, scale="full")

    def test_a_run_goes_on_from_its_newest_checkpoint(self, script, source):
        answer = script.post(f"/runs/{source.pk}/continue")
        assert answer.status_code == 201, answer.content
        said = answer.json()
        assert (said["parent"], said["step"], said["name"]) == (source.pk, 20, source.name)
        assert said["config"] == source.config

    def test_a_fork_takes_another_course_from_an_earlier_step(self, script, source):
        body = {"step": 10, "overrides": {"training.learning_rate": 1e-4}, "name": "slow"}
        said = script.post(f"/runs/{source.pk}/continue", body).json()
        assert (said["step"], said["name"]) == (10, "slow")
        assert said["config"]["training"]["learning_rate"] == 1e-4

    def test_the_same_key_goes_on_once(self, script, source):
        key = {"Idempotency-Key": "k"}
        first, second = (script.post(f"/runs/{source.pk}/continue", {}, **key) for _ in range(2))
        assert first.json()["id"] == second.json()["id"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"step": 11}, "step"),
            ({"overrides": {"model.n_layer": 3}}, "model.n_layer"),
            ({"overrides": {"training.max_steps": 20}}, "training.max_steps"),
            ({"dataset": "other"}, "dataset"),
        ],
    )
    def test_what_cannot_be_is_named(self, script, source, body, field):
        answer = script.post(f"/runs/{source.pk}/continue", body)
        assert answer.status_code == 422
        assert any(name.endswith(field) for name in answer.json()["fields"]), answer.json()
        assert Run.objects.count() == 1

    def test_a_launch_may_name_the_checkpoint_too(self, script, source):
        wish = {
            "recipe": source.recipe_version.recipe.slug,
            "dataset": source.dataset_version.dataset.slug,
            "resume_from": {"run": source.pk, "step": 10},
        }
        said = script.post("/runs", wish).json()
        assert (said["parent"], said["step"]) == (source.pk, 10)
        wish["resume_from"] = {"run": 999_999}
        assert script.post("/runs", wish).json()["fields"].keys() == {"resume_from"}

    def test_nobody_goes_on_from_a_run_of_another_project(self, script):
        theirs = alignment.trained(make_project("borealis"), 10)
        assert script.post(f"/runs/{theirs.pk}/continue").status_code == 404


class TestPipelines:
    @pytest.fixture
    def stages(self, project) -> list[dict[str, str]]:
        text = make_dataset_version(project).dataset.slug
        stages = [{"recipe": make_recipe_version().recipe.slug, "dataset": text}]
        for objective in ("sft", "dpo"):
            data = alignment.rows(project, objective).dataset.slug
            stages.append({"recipe": alignment.recipe(objective).recipe.slug, "dataset": data})
        return stages

    def test_all_stages_are_launched_as_one(self, script, stages):
        key = {"Idempotency-Key": "nightly"}
        answer = script.post("/pipelines", {"stages": stages}, **key)
        assert answer.status_code == 201, answer.content
        said = answer.json()
        assert said["name"] == "pretrain → sft → dpo full"
        pretrain, sft, dpo = said["runs"]
        assert {run["pipeline"] for run in said["runs"]} == {said["id"]}
        assert sft["config"]["model"]["base_model"] == f"run:{pretrain['id']}"
        assert dpo["config"]["model"]["base_model"] == f"run:{sft['id']}"
        assert script.post("/pipelines", {"stages": stages}, **key).json()["id"] == said["id"]
        assert Run.objects.count() == 3

    def test_what_is_wrong_is_named_by_its_stage_and_nothing_is_launched(self, script, stages):
        stages[0]["dataset"], stages[2]["recipe"] = "none", "none"
        answer = script.post("/pipelines", {"stages": stages})
        assert answer.status_code == 422
        assert answer.json()["fields"].keys() == {"stages.0.dataset", "stages.2.recipe"}
        assert not Run.objects.exists()

    def test_a_value_that_a_stage_does_not_take_is_named_too(self, script, stages):
        wrong = stages[1] | {"overrides": {"training.learning_rate": -1}}
        answer = script.post("/pipelines", {"stages": [stages[0], wrong]})
        assert answer.json()["fields"].keys() == {"stages.1.training.learning_rate"}
        assert not Run.objects.exists()

    @pytest.mark.parametrize("unsound", ["a\0b", "a\ud800b", [["\0"]], {"\0": 1}])
    def test_a_value_that_cannot_be_stored_is_named_and_nothing_is_kept(
        self, script, stages, unsound
    ):
        wrong = stages[1] | {"overrides": {"samples.prompts": unsound}}
        answer = script.post("/pipelines", {"stages": [stages[0], wrong]})
        assert answer.json()["fields"].keys() == {"stages.1.samples.prompts"}
        assert not Pipeline.objects.exists()

    def test_it_is_read_and_stopped_as_one(self, script, stages):
        said = script.post("/pipelines", {"stages": stages}).json()
        address = f"/pipelines/{said['id']}"
        assert script.get(address).json() == said
        assert said["state"] == "queued"
        stopped = script.post(f"{address}/stop").json()
        assert stopped["state"] == "stopped"
        assert {run["state"] for run in stopped["runs"]} == {"stopped"}
        assert script.post(f"{address}/stop").json() == stopped

    def test_one_stage_is_refused(self, script, stages):
        assert script.post("/pipelines", {"stages": stages[:1]}).status_code == 422

    def test_a_read_token_launches_none(self, alice, project, stages):
        _row, secret = tokens.create(alice, project, "reader", [Scope.READ])
        assert Caller(secret).post("/pipelines", {"stages": stages}).status_code == 403
        assert not Run.objects.exists()


def test_a_body_that_is_not_json_is_told_so(script):
    answer = script.client.post("/api/v1/runs", "{", content_type="application/json")
    assert answer.status_code == 400
    assert "detail" in answer.json()


def test_a_dataset_of_another_project_does_not_exist(script, wish):
    theirs = make_dataset_version(make_project("borealis")).dataset
    answer = script.post("/runs", wish | {"dataset": theirs.slug})
    assert answer.status_code == 422
    assert "dataset" in answer.json()["fields"]


def test_runs_of_another_project_are_not_found(script):
    theirs = make_run(make_project("borealis"))
    assert script.get(f"/runs/{theirs.pk}").status_code == 404
    assert script.post(f"/runs/{theirs.pk}/stop").status_code == 404
    assert script.get("/runs").json()["count"] == 0
    theirs.refresh_from_db()
    assert theirs.state == State.QUEUED


def test_the_list_filters_by_state_and_pages(script, project, django_assert_max_num_queries):
    for _ in range(3):
        make_run(project)
    make_run(project, state=State.SUCCEEDED)
    with django_assert_max_num_queries(6):
        answer = script.get("/runs?state=queued&limit=2").json()
    assert answer["count"] == 3
    assert len(answer["items"]) == 2


def test_the_list_speaks_the_language_of_the_page(script, project):
    for name, tags in (("plain", []), ("first", ["baseline"]), ("second", ["baseline"])):
        make_run(project, name=name, tags=tags)
    answer = script.get("/runs?filter=tag%20=%20baseline%20and%20name%20!=%20first").json()
    assert (answer["count"], answer["items"][0]["name"]) == (1, "second")


def test_a_filter_that_cannot_be_read_is_refused_at_its_character(script):
    answer = script.get("/runs?filter=state%20=%20runing")
    assert answer.status_code == 422
    said = answer.json()
    assert said["fields"].keys() == {"filter"}
    assert (said["position"], said["end"], said["nearest"]) == (8, 14, ["running"])


def test_a_stop_reaches_the_run(script, project):
    run = make_run(project)
    assert script.post(f"/runs/{run.pk}/stop").json()["state"] == State.STOPPED


def test_a_read_token_cannot_launch(alice, project, wish):
    _row, secret = tokens.create(alice, project, "reader", [Scope.READ])
    reader = Caller(secret)
    assert reader.get("/runs").status_code == 200
    assert reader.post("/runs", wish).status_code == 403
    assert not Run.objects.exists()


def test_a_viewer_s_token_cannot_launch_whatever_its_scopes(project, wish):
    bob = make_user("bob@example.com")
    join(bob, project, Role.VIEWER)
    _row, secret = tokens.create(bob, project, "script", [Scope.READ, Scope.LAUNCH])
    assert Caller(secret).post("/runs", wish).status_code == 403


def test_no_token_and_a_revoked_token_are_turned_away(alice, project):
    row, secret = tokens.create(alice, project, "old", [Scope.READ])
    tokens.revoke(row)
    assert Caller(secret).get("/runs").status_code == 401
    assert Client().get("/api/v1/runs").status_code == 401


def test_metrics_come_back_by_name_with_not_a_number_as_text(script, project):
    run = make_run(project)
    attempt, _secret = make_attempt(run)
    series = {"train/loss": [3.0, float("nan")], "train/grad_norm": [1.0, None]}
    ingest.append(attempt, 0, [1, 2], [1e9, 1e9 + 1], series)
    answer = script.get(f"/runs/{run.pk}/metrics?names=train/loss").json()
    assert answer["columns"]["steps"] == [1, 2]
    assert answer["columns"]["series"] == {"train/loss": [3.0, "NaN"]}


def test_the_description_lists_every_operation():
    paths = Client().get("/api/v1/openapi.json").json()["paths"]
    assert set(paths) == {
        "/api/v1/checklists",
        "/api/v1/checklists/{checklist_id}",
        "/api/v1/checklists/{checklist_id}/export",
        "/api/v1/checklists/{checklist_id}/junit",
        "/api/v1/checklists/{checklist_id}/sign",
        "/api/v1/checklist-templates",
        "/api/v1/runs/{run_id}/launch",
        "/api/v1/hypotheses",
        "/api/v1/hypotheses/{hypothesis_id}",
        "/api/v1/hypotheses/{hypothesis_id}/runs/{run_id}",
        "/api/v1/search",
        "/api/v1/answers/{answer_id}",
        "/api/v1/answers/{answer_id}/stop",
        "/api/v1/datasets",
        "/api/v1/datasets/{slug}/{number}",
        "/api/v1/datasets/{slug}/{number}/report",
        "/api/v1/evaluation-reviews",
        "/api/v1/evaluation-reviews/{review_id}/close",
        "/api/v1/evaluation-tasks",
        "/api/v1/evaluations",
        "/api/v1/evaluations/compare",
        "/api/v1/evaluations/{evaluation_id}",
        "/api/v1/evaluations/{evaluation_id}/items",
        "/api/v1/imports/{import_id}",
        "/api/v1/metrics/window/",
        "/api/v1/models",
        "/api/v1/models/{slug}",
        "/api/v1/models/{slug}/roll-back",
        "/api/v1/models/{slug}/{number}",
        "/api/v1/models/{slug}/{number}/completions",
        "/api/v1/models/{slug}/{number}/exports",
        "/api/v1/models/{slug}/{number}/exports/{export_id}",
        "/api/v1/models/{slug}/{number}/exports/{export_id}/download",
        "/api/v1/models/{slug}/{number}/exports/{export_id}/files/{name}",
        "/api/v1/models/{slug}/{number}/stage",
        "/api/v1/pipelines",
        "/api/v1/pipelines/{pipeline_id}",
        "/api/v1/pipelines/{pipeline_id}/stop",
        "/api/v1/recipes",
        "/api/v1/runs",
        "/api/v1/runs/external",
        "/api/v1/runs/{run_id}",
        "/api/v1/runs/{run_id}/continue",
        "/api/v1/runs/{run_id}/metrics",
        "/api/v1/runs/{run_id}/points",
        "/api/v1/runs/{run_id}/stop",
    }


def test_a_page_beyond_its_bounds_is_refused_by_name(script):
    answer = script.get("/runs?limit=0")
    assert answer.status_code == 422
    assert "limit" in answer.json()["fields"]


@pytest.mark.parametrize("path", ["/nope", "/runs/x", "/runs/999999/nope"])
def test_an_unknown_address_is_answered_in_json(script, path):
    answer = script.get(path)
    assert answer.status_code == 404
    assert answer.json()["detail"]


def test_a_page_that_is_not_there_is_answered_with_a_page():
    answer = Client().get("/nope/")
    assert answer.status_code == 404
    assert "<html" in answer.content.decode()


def test_a_failure_is_answered_in_json(monkeypatch, project, script):
    def fail(*_args: Any, **_options: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("llmhub.api.schemas.RunOut.of", fail)
    run = make_run(project)
    script.client.raise_request_exception = False
    answer = script.get(f"/runs/{run.pk}")
    assert answer.status_code == 500
    assert answer.json() == {"detail": "The hub failed to answer; its log says why."}
