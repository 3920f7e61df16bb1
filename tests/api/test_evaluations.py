import json

import pytest
from django.test import Client

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from llmhub.registry import reviewing
from llmhub.registry.models import Evaluation, EvaluationTask, Review
from tests.factories import (
    join,
    make_dataset_version,
    make_evaluation,
    make_evaluation_task,
    make_model_version,
    make_project,
    make_run,
    make_user,
)

pytestmark = pytest.mark.django_db
API = "/api/v1"


@pytest.fixture
def project():
    return make_project("atlas")


@pytest.fixture
def script(project) -> Client:
    alice = make_user("alice@example.com")
    join(alice, project, Role.MEMBER)
    _row, secret = tokens.create(alice, project, "script", [Scope.READ, Scope.MODELS])
    return Client(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def version(project):
    return make_model_version(make_run(project))


def post(script: Client, path: str, **body):
    return script.post(API + path, json.dumps(body), content_type="application/json")


def test_a_script_registers_a_task_and_starts_an_evaluation(script, version):
    rows = '{"prompt": "6 times 7?", "answer": "42"}\n'
    made = post(script, "/evaluation-tasks", name="Quiz", kind="exact", rows=rows, share=0)
    assert (made.status_code, made.json()["rows"]) == (201, 1)
    again = post(script, "/evaluation-tasks", name="Quiz", kind="exact", rows=rows, share=0)
    assert again.json()["id"] == made.json()["id"]
    started = post(
        script, "/evaluations", model=version.model.slug, task=made.json()["id"], limit=5
    )
    assert (started.status_code, started.json()["state"]) == (202, "queued")
    found = Evaluation.objects.get()
    assert found.options["limit"] == 5
    assert found.created_by.email == "alice@example.com"
    assert [task["name"] for task in script.get(f"{API}/evaluation-tasks").json()] == ["Quiz"]


def test_a_task_of_a_dataset_names_it_as_a_launch_does(script, project):
    data = make_dataset_version(project)
    slug = data.dataset.slug
    for reference in (slug, f"{slug}@1"):
        made = post(script, "/evaluation-tasks", name="Loss", kind="loss", dataset=reference)
        assert (made.status_code, made.json()["dataset"]) == (201, f"{slug}@1")
    for reference in (f"{slug}@2", f"{slug}@x", "nothing", "../x"):
        made = post(script, "/evaluation-tasks", name="Loss", kind="loss", dataset=reference)
        assert (made.status_code, [*made.json()["fields"]]) == (422, ["dataset"])


def test_a_wrong_row_is_named(script):
    rows = '{"prompt": "x", "answer": "y"}\n{"prompt": "x"}'
    answer = post(script, "/evaluation-tasks", name="Quiz", kind="exact", rows=rows)
    assert answer.status_code == 422
    assert "line 2" in answer.json()["fields"]["rows"][0]
    assert not EvaluationTask.objects.exists()


def test_what_is_not_there_is_refused_field_by_field(script, version):
    answer = post(script, "/evaluations", model="no@1", task=0, style="odd")
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"model", "task", "style"}


def test_scores_items_and_differences_are_read(script, version, project):
    task = make_evaluation_task(project)
    other = make_model_version(version.run, version.model)
    old = make_evaluation(version, task, "1" * 40)
    new = make_evaluation(other, task, "1" * 20 + "0" * 20)
    found = script.get(f"{API}/evaluations/{new.pk}").json()
    assert (found["state"], found["figures"]["score"]["value"]) == ("succeeded", 0.5)
    listed = script.get(f"{API}/evaluations?model={version.model.slug}@{version.number}").json()
    assert [each["id"] for each in listed] == [old.pk]
    items = script.get(f"{API}/evaluations/{new.pk}/items?offset=38").json()
    assert (items["count"], [item["position"] for item in items["items"]]) == (40, [38, 39])
    change = script.get(f"{API}/evaluations/compare?old={old.pk}&new={new.pk}").json()
    assert (change["measure"], change["value"]) == ("accuracy", -0.5)
    assert change["p"] < 0.001


def test_different_items_are_not_compared(script, version, project):
    task = make_evaluation_task(project)
    old, new = make_evaluation(version, task, "10"), make_evaluation(version, task, "101")
    answer = script.get(f"{API}/evaluations/compare?old={old.pk}&new={new.pk}")
    assert answer.status_code == 409


def test_a_review_is_opened_and_closed_by_a_script(script, version, project):
    task = make_evaluation_task(project)
    first = make_evaluation(version, task)
    second = make_evaluation(make_model_version(version.run, version.model), task)
    wish = {"name": "Kinder?", "question": "Which is kinder?", "limit": 3}
    sides = {"first": first.pk, "second": second.pk}
    refused = post(script, "/evaluation-reviews", **wish, **sides, people=["x@example.com"])
    assert (refused.status_code, set(refused.json()["fields"])) == (422, {"people"})
    made = post(script, "/evaluation-reviews", **wish, **sides, people=["alice@example.com"])
    assert (made.status_code, made.json()["kind"], made.json()["items"]) == (201, "pairs", 3)
    closing = f"/evaluation-reviews/{made.json()['id']}/close"
    assert post(script, closing).status_code == 409
    review = Review.objects.get()
    reviewing.judge(review, review.people.get(), 0, "tie")
    closed = post(script, closing).json()
    assert (closed["is_open"], len(closed["results"])) == (False, 2)
    assert script.get(f"{API}/evaluation-reviews").json()[0]["verdicts"] == 1


def test_answers_of_different_tasks_are_not_compared_by_people(script, version, project):
    first, second = (
        make_evaluation(version, make_evaluation_task(project, kind))
        for kind in ("exact", "choice")
    )
    wish = {"name": "x", "question": "y", "people": ["alice@example.com"]}
    for sides in ({"first": first.pk, "second": second.pk}, {"first": second.pk}):
        assert post(script, "/evaluation-reviews", **wish, **sides).status_code == 409


def test_a_request_that_is_too_large_is_answered_in_json(script, settings):
    rows = '{"prompt": "x", "answer": "y"}\n' * 100_000
    answer = post(script, "/evaluation-tasks", name="Quiz", kind="exact", rows=rows)
    assert (answer.status_code, "2.5" in answer.json()["detail"]) == (413, True)
