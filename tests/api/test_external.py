"""A script logs a run over HTTP, from its beginning to its end."""

from __future__ import annotations

import json

import pytest

from llmhub.accounts import tokens
from llmhub.accounts.models import Scope
from llmhub.metrics.models import Series
from llmhub.runs.models import Attempt, Run
from llmhub.runs.states import State
from tests.api.test_api import Caller
from tests.factories import join, make_attempt, make_external_run, make_project, make_run, make_user

pytestmark = pytest.mark.django_db

BATCH = {"batch": 0, "steps": [1, 2], "times": [1.0, 2.0], "series": {"train/loss": [3.0, 2.5]}}


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def script(project):
    user = make_user()
    join(user, project)
    return Caller(tokens.create(user, project, "script", [Scope.READ, Scope.LAUNCH])[1])


@pytest.fixture
def say(client):
    """Speaks as an attempt."""

    def send(method, path, body, secret):
        raw = body if isinstance(body, bytes) else json.dumps(body)
        return getattr(client, method)(
            f"/api/v1/{path}",
            raw,
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )

    return send


def test_a_script_logs_a_run_from_begin_to_end(script, say):
    answer = script.post("/runs/external", {"name": "mine", "config": {"lr": 1}, "tags": ["t"]})
    assert answer.status_code == 201
    run = answer.json()
    assert run["url"] == f"/runs/{run['id']}/"
    assert run["resumed_step"] is None
    place, secret = f"external/{run['attempt']}", run["token"]

    assert say("post", f"runs/{run['id']}/points", BATCH, secret).json() == {"rev": 1}
    assert say("post", f"{place}/beat", b"", secret).json() == {"want": "run"}
    assert say("patch", place, {"notes": "# N", "summary": {"best": 2.5}}, secret).json() == {}
    log = {"offset": 0, "text": "hello\n"}
    assert say("post", f"attempts/{run['attempt']}/log", log, secret).json() == {"end": 6}
    sample = {"step": 1, "index": 0, "prompt": "p", "text": "t", "decoding": "greedy"}
    samples = {"samples": [sample]}
    assert say("post", f"attempts/{run['attempt']}/samples", samples, secret).status_code == 200
    ended = {"status": "succeeded", "receipt": {"logged": 2, "sent": 2, "acknowledged": 2}}
    assert say("post", f"{place}/finish", ended, secret).status_code == 200

    told = script.get(f"/runs/{run['id']}").json()
    assert told["state"] == "succeeded"
    assert told["step"] == 2
    assert told["recipe"] is told["dataset"] is told["scale"] is told["total_steps"] is None
    assert (told["tags"], told["notes"], told["summary"]) == (["t"], "# N", {"best": 2.5})
    assert script.get("/runs").json()["count"] == 1
    assert Series.objects.get().last == 2.5
    # What was still under way comes after the end.
    late = BATCH | {"batch": 1, "steps": [3, 4]}
    assert say("post", f"runs/{run['id']}/points", late, secret).status_code == 200
    assert script.get(f"/runs/{run['id']}").json()["step"] == 4


def test_points_bring_a_lost_run_back(project, say):
    attempt, secret = make_attempt(make_external_run(project), state=State.LOST)
    Attempt.objects.update(lease_expires_at="2020-01-01T00:00Z")
    assert say("post", f"runs/{attempt.run_id}/points", BATCH, secret).status_code == 200
    run = Run.objects.get()
    assert (run.state, run.step) == (State.RUNNING, 2)
    attempt.refresh_from_db()
    assert attempt.lease_expires_at.year > 2020


def test_a_replaced_attempt_is_told_to_stop(script, say):
    first = script.post("/runs/external", {}).json()
    second = script.post("/runs/external", {"resume": first["id"], "name": None}).json()
    assert second["id"] == first["id"]
    for method, path, body in (
        ("post", "/beat", {}),
        ("patch", "", {"tags": []}),
        ("post", "/finish", {"status": "failed"}),
    ):
        answer = say(method, f"external/{first['attempt']}{path}", body, first["token"])
        assert (answer.status_code, answer.json()) == (409, {"error": "stale"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"config": []}, "config"),
        ({"config": {"a": "\0"}}, "config.a"),
        ({"name": "\ud800"}, "name"),
        ({"tags": "x"}, "tags"),
        ({"resume": 10**30}, "resume"),
        ({"resume": 1}, "resume"),
        ({"idempotency_key": "x" * 101}, "idempotency_key"),
        ({"entity": "me"}, "entity"),
    ],
)
def test_what_is_refused_names_its_field(script, body, field):
    answer = script.post("/runs/external", body)
    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == [field]
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"[" * 100_000, 400, None),
        (b"nonsense", 400, None),
        ({"summary": {"a": {"b": "\0"}}}, 422, "summary.a.b"),
        ({"tags": ["x" * 41]}, 422, "tags"),
        ({"state": "running"}, 400, None),
        (json.dumps({"notes": "x" * 2_000_000}).encode(), 413, None),
    ],
)
def test_odd_things_are_refused_and_change_nothing(project, say, body, status, field):
    attempt, secret = make_attempt(make_external_run(project))
    answer = say("patch", f"external/{attempt.pk}", body, secret)
    assert (answer.status_code, answer.json().get("field")) == (status, field)
    run = Run.objects.get()
    assert (run.tags, run.notes, run.summary) == ([], "", {})


def test_the_attempt_of_a_worker_has_no_part_in_this(project, say):
    attempt, secret = make_attempt(make_run(project))
    assert say("post", f"external/{attempt.pk}/beat", {}, secret).status_code == 409
    assert say("patch", f"external/{attempt.pk}", {"tags": ["x"]}, secret).status_code == 409
    assert Run.objects.get().tags == []


def test_it_is_not_continued_by_a_worker(script, project):
    run = make_external_run(project, State.SUCCEEDED)
    answer = script.post(f"/runs/{run.pk}/continue", {})
    assert answer.status_code == 422
