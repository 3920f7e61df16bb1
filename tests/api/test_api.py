"""The public HTTP API: what a script can do with a token, and what it is told when it cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from llmhub.metrics import ingest
from llmhub.runs.models import Run
from llmhub.runs.states import State
from tests.factories import (
    join,
    make_attempt,
    make_dataset_version,
    make_project,
    make_recipe_version,
    make_run,
    make_user,
)

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
        "/api/v1/recipes",
        "/api/v1/datasets",
        "/api/v1/datasets/{slug}/{number}",
        "/api/v1/datasets/{slug}/{number}/report",
        "/api/v1/imports/{import_id}",
        "/api/v1/pipelines",
        "/api/v1/runs",
        "/api/v1/runs/{run_id}",
        "/api/v1/runs/{run_id}/stop",
        "/api/v1/runs/{run_id}/metrics",
        "/api/v1/runs/{run_id}/points",
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
