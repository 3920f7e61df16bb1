import json

import pytest
from django.test import Client

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from llmhub.datasets.models import Dataset, DatasetVersion, Import
from tests.datasets.importing import QUESTIONS, lines
from tests.factories import join, make_project, make_rows_version, make_user
from tests.jobs.running import run_jobs

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project("atlas")


@pytest.fixture
def script(project) -> Client:
    """A script of Alice's, who is a member."""
    alice = make_user("alice@example.com")
    join(alice, project, Role.MEMBER)
    _row, secret = tokens.create(alice, project, "script", [Scope.READ, Scope.DATASETS])
    return Client(headers={"Authorization": f"Bearer {secret}"})


def send(script: Client, content: bytes, query: str = "name=Sums&file=sums.jsonl"):
    return script.post(
        f"/api/v1/datasets?{query}", content, content_type="application/octet-stream"
    )


def state_of(script: Client, answer) -> dict:
    return script.get(f"/api/v1/imports/{answer.json()['id']}").json()


def test_a_script_registers_a_file_and_reads_what_became_of_it(script, project):
    answer = send(script, lines(QUESTIONS), "name=Sums&file=sums.jsonl&licence=mit")
    assert (answer.status_code, answer.json()["state"]) == (202, "checking")
    run_jobs()
    assert state_of(script, answer)["dataset"] == "sums@1"
    version = script.get("/api/v1/datasets/sums/1").json()
    assert (version["kind"], version["rows"], version["licence"]) == (
        "prompt_completion",
        12,
        "MIT",
    )
    assert version["files"][0]["name"] == "sums.jsonl"
    assert version["reading"]["columns"] == {"prompt": "prompt", "completion": "completion"}
    assert [row["slug"] for row in script.get("/api/v1/datasets").json()] == ["sums"]


def test_the_same_name_is_the_next_version(script):
    send(script, lines(QUESTIONS))
    run_jobs()
    send(script, lines(QUESTIONS[:5]), "name=SUMS&file=sums.jsonl")
    run_jobs()
    assert list(DatasetVersion.objects.values_list("number", "rows")) == [(2, 5), (1, 12)]
    assert Dataset.objects.count() == 1


def test_columns_of_unknown_names_are_refused_with_their_names(script):
    answer = send(script, lines([{"a": "x", "b": "y"}]))
    run_jobs()
    state = state_of(script, answer)
    assert state["state"] == "failed"
    assert "a, b" in state["problem"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("name=&file=a.txt", "name"),
        ("name=Sums&file=a.txt&licence=whatever", "licence"),
        ("name=Sums", "file"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_field_by_field(script, query, field):
    answer = send(script, b"text", query)
    assert answer.status_code == 422
    assert field in answer.json()["fields"]
    assert not Import.objects.exists()


def test_too_large_a_file_is_refused_and_leaves_nothing(script, settings):
    settings.DATASET_MAX_BYTES = 3
    answer = send(script, b"four")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "The dataset was not added."
    assert "more than the 3 bytes" in answer.json()["fields"]["file"][0]
    assert not Import.objects.exists()


def test_a_script_starts_a_report_and_reads_its_figures(script, project):
    make_rows_version(project, "prompt_completion", QUESTIONS, slug="sums")
    assert script.get("/api/v1/datasets/sums/1/report").status_code == 404
    body = json.dumps({"context_length": 64})
    for _ in range(2):
        answer = script.post(
            "/api/v1/datasets/sums/1/report", body, content_type="application/json"
        )
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert len(run_jobs()) == 1
    report = script.get("/api/v1/datasets/sums/1/report").json()
    assert report["state"] == "succeeded"
    assert report["figures"]["rows"] == 12


def test_a_token_for_launching_adds_no_data(project):
    bob = make_user("bob@example.com")
    join(bob, project, Role.MEMBER)
    _row, secret = tokens.create(bob, project, "launcher", [Scope.READ, Scope.LAUNCH])
    script = Client(headers={"Authorization": f"Bearer {secret}"})
    assert send(script, b"text").status_code == 403
    assert not Import.objects.exists()
