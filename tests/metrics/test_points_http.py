"""Points over HTTP: machines write with their attempt's token, people of the project read."""

import json

import pytest
from django.urls import reverse

from llmhub.lib.batches import MAX_JSON_BYTES
from llmhub.metrics import thin
from llmhub.metrics.models import Batch
from tests.factories import make_run, make_user

pytestmark = pytest.mark.django_db


BODY = {"batch": 1, "steps": [1], "times": [1000.0], "series": {"train/loss": [3.5]}}


@pytest.fixture
def post(client, run, secret):
    def send(body, run_id=run.pk, token=secret):
        return client.post(
            reverse("add_points", args=[run_id]),
            body if isinstance(body, bytes) else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )

    return send


def get(client, run, **query):
    return client.get(reverse("run_points", args=[run.pk]), query)


def test_a_machine_adds_points_and_repeats_itself_without_harm(post):
    assert post(BODY).json() == {"rev": 1}
    again = post(BODY)
    assert (again.status_code, again.json()) == (200, {"rev": 1})
    assert Batch.objects.count() == 1


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_attempts_token_nothing_is_taken(post, token):
    assert post(BODY, token=token).status_code == 401
    assert not Batch.objects.exists()


def test_a_token_is_worth_only_its_own_run(post, project):
    assert post(BODY, run_id=make_run(project).pk).status_code == 401


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field `batch`"),
        (b"\xff", "invalid"),
        (BODY | {"steps": ["x"]}, "$.steps[0]"),
        (BODY | {"steps": [1.5]}, "$.steps[0]"),
        (BODY | {"times": [None]}, "$.times[0]"),
        (BODY | {"series": {"a": [True]}}, "$.series"),
        (BODY | {"more": 1}, "more"),
    ],
)
def test_what_is_wrong_with_a_body_is_said(post, body, reason):
    answer = post(body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]


def test_a_body_that_is_too_large_is_not_read(post):
    answer = post(b"[" + b" " * MAX_JSON_BYTES)
    assert answer.status_code == 413


def test_a_member_reads_the_curve(viewer, run, post):
    post(BODY)
    answer = get(viewer, run)
    assert answer.json()["columns"] == {k: v for k, v in BODY.items() if k != "batch"}
    assert "no-store" in answer["Cache-Control"]


def test_names_choose_metrics(viewer, run, post):
    post(BODY | {"series": {"a": [1], "b": [2], "c": [3]}})
    assert get(viewer, run, names="a,c,absent").json()["columns"]["series"] == {"a": [1], "c": [3]}


@pytest.mark.parametrize(
    "query",
    [{"since": "x"}, {"since": "-1"}, {"epoch": "٣"}, {"names": "a b"}, {"since": "9" * 30}],
)
def test_a_query_that_makes_no_sense_is_refused(viewer, run, query):
    assert get(viewer, run, **query).status_code == 400


def test_a_stranger_cannot_tell_that_the_run_exists(client, run):
    client.force_login(make_user("charlie@example.com"))
    assert get(client, run).status_code == 404
    assert client.get("/runs/987654321/points/").status_code == 404


def test_nobody_reads_without_signing_in(client, run):
    assert get(client, run).status_code == 302


def test_a_long_curve_is_thinned_and_says_so(viewer, run, post):
    rows = 10_000
    for batch in range(3):
        losses = [2.0 + row % 7 for row in range(rows)]
        losses[777 + batch] = 50.0 + batch
        steps = list(range(batch * rows, (batch + 1) * rows))
        body = {"batch": batch, "steps": steps, "times": [1.0] * rows, "series": {"a": losses}}
        assert post(body).status_code == 200
    answer = get(viewer, run).json()
    assert answer["thinned"] is True
    assert len(answer["columns"]["steps"]) <= thin.MAX_ROWS < 3 * rows
    points = dict(zip(answer["columns"]["steps"], answer["columns"]["series"]["a"], strict=True))
    assert (points[777], points[rows + 778], points[2 * rows + 779]) == (50.0, 51.0, 52.0)
