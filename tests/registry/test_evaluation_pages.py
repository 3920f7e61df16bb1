"""Boards, comparisons, tasks: what people see and what they may do."""

from __future__ import annotations

import json

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.template import engines
from django.test.utils import CaptureQueriesContext

from llmhub.jobs.models import Job
from llmhub.registry import evaluation_board
from llmhub.registry.models import Evaluation, EvaluationTask
from llmhub.registry.scores import changes
from tests.factories import (
    make_evaluation,
    make_evaluation_task,
    make_model_version,
    make_project,
    make_rows_version,
    make_run,
)

pytestmark = pytest.mark.django_db

GOOD = "1" * 60
WORSE = "1" * 40 + "0" * 20
MAYBE = "1" * 58 + "0" * 2


@pytest.fixture(autouse=True)
def no_cache():
    """Keys of rows from another test's database."""
    cache.clear()


@pytest.fixture
def versions(project):
    first = make_model_version(make_run(project), stage="production")
    return [first, *(make_model_version(first.run, first.model) for _ in range(2))]


@pytest.fixture
def task(project):
    return make_evaluation_task(project, name="Quiz")


def cells(model, base=None):
    found = evaluation_board.board(model, base)
    return {row.version.number: row.cells[0] for row in found.rows}


def test_a_board_tells_which_differences_are_more_than_chance(versions, task):
    for version, right in zip(versions, (GOOD, WORSE, MAYBE), strict=True):
        make_evaluation(version, task, right)
    found = cells(versions[0].model)
    assert found[1].change is None
    assert (found[2].change.tone, found[2].change.verdict) == ("bad", "worse")
    assert str(found[2].change) == "−33.3 points"
    assert (found[3].change.tone, found[3].change.is_significant) == ("", False)


def test_the_baseline_is_the_one_in_production_or_the_one_asked_for(versions, task):
    for version in versions:
        make_evaluation(version, task, GOOD)
    model = versions[0].model
    assert evaluation_board.board(model, None).base == versions[0]
    assert evaluation_board.board(model, 3).base == versions[2]
    assert evaluation_board.board(model, 99).base == versions[0]


def test_more_versions_make_the_same_difference_less_sure(versions, task):
    old = make_evaluation(versions[0], task, "1" * 60 + "0" * 7)
    new = make_evaluation(versions[1], task, "1" * 67)
    (alone,) = changes([(old, new)])
    assert alone.is_significant
    many = changes([(old, new)] * 9)
    assert not many[0].is_significant


def test_a_lower_loss_is_better(versions, project):
    task = make_evaluation_task(project, kind="loss")
    score = {"name": "loss", "low": 1.0, "high": 3.0, "method": "bootstrap"}
    old, new = (
        make_evaluation(version, task, score=score | {"value": value})
        for version, value in zip(versions[:2], (2.0, 1.5), strict=True)
    )
    for each, nats in ((old, 2.0), (new, 1.5)):
        each.counts = [[nats * 10 + place % 3, 10.0, 40.0] for place in range(50)]
        each.figures["items"] = 50
        each.save()
    (change,) = changes([(old, new)])
    assert (change.tone, str(change)) == ("good", "−0.500")


def test_other_items_are_not_compared(versions, task, client):
    old = make_evaluation(versions[0], task, GOOD)
    new = make_evaluation(versions[1], task, "11")
    assert cells(versions[0].model)[2].change is None
    page = client.get(f"/evaluations/compare/?old={old.pk}&new={new.pk}")
    assert "scored on different items" in page.content.decode()


def test_the_board_counts_what_was_seen_in_training(versions, task, client):
    make_evaluation(versions[0], task, contamination={"rows": 2})
    page = client.get("/evaluations/").content.decode()
    assert "2 of 4 seen" in page


def test_a_board_takes_the_same_queries_for_any_number_of_versions(versions, project, client):
    def queries() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as found:
            assert client.get("/evaluations/").status_code == 200
        return len(found)

    tasks = [make_evaluation_task(project) for _ in range(2)]
    for task in tasks:
        make_evaluation(versions[0], task)
        make_evaluation(versions[1], task)
    few = queries()
    more = [make_model_version(versions[0].run, versions[0].model) for _ in range(6)]
    for version in more:
        for task in tasks:
            make_evaluation(version, task)
    assert queries() == few


def test_ten_versions_of_three_stages_are_points_of_one_plot(project, task):
    run = make_run(project)
    first = make_model_version(run, stage="retired")
    stages = ["retired", *["candidate"] * 7, "production"]
    for version in [first, *(make_model_version(run, first.model, stage=s) for s in stages)]:
        make_evaluation(version, task)
    (plot,) = evaluation_board.board(first.model, None).plots
    assert [point["version"] for point in plot["points"]] == list(range(1, 11))
    assert {point["stage"] for point in plot["points"]} == {"retired", "candidate", "production"}


def test_a_comparison_shows_what_was_gained_and_lost(versions, task, client):
    old = make_evaluation(versions[0], task, "1100")
    new = make_evaluation(versions[1], task, "1010")
    address = f"/evaluations/compare/?old={old.pk}&new={new.pk}"
    page = client.get(address).content.decode()
    assert page.count('class="card item"') == 4
    changed = client.get(f"{address}&shown=changed").content.decode()
    assert changed.count('class="card item"') == 2
    assert "question 1" in changed
    assert "question 3" not in changed


def test_an_evaluation_is_read_item_by_item(versions, task, client):
    found = make_evaluation(versions[0], task, "10" * 20)
    address = f"/evaluations/{found.pk}/"
    assert client.get(address).content.decode().count('class="card item"') == 25
    wrong = client.get(f"{address}?shown=wrong").content.decode()
    assert wrong.count('class="card item"') == 20
    assert "question 0" not in wrong


def test_markup_in_an_answer_stays_text(versions, task, client):
    found = make_evaluation(versions[0], task)
    found.items.filter(position=0).update(answer="<script>alert(1)</script>")
    page = client.get(f"/evaluations/{found.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_failed_evaluation_says_why(versions, task, client, project):
    problem = {"code": "changed_on_disk", "values": {"file": "model.safetensors", "found": "a",
               "expected": "b"}}  # fmt: skip
    job = Job.objects.create(
        kind="model.evaluate", project=project, state="failed", problem=problem
    )
    found = Evaluation.objects.create(
        project=project, version=versions[0], task=task, job=job,
        options={"style": "text", "limit": 1, "max_new_tokens": 1, "contamination": True},
    )  # fmt: skip
    page = client.get(f"/evaluations/{found.pk}/").content.decode()
    assert "model.safetensors: The file is not the one that was registered" in page


def test_several_versions_are_evaluated_on_several_tasks_by_one_press(
    versions, task, client, project
):
    data = make_rows_version(project, "prompt_completion", [{"prompt": "a", "completion": "b"}])
    answer = client.post(
        "/evaluations/new/",
        {
            "versions": [str(version.pk) for version in versions],
            "tasks": [str(task.pk), "built-in"],
            "held_out": [str(data.pk)],
            "limit": 10,
            "max_new_tokens": 8,
            "style": "auto",
        },
    )
    assert answer.status_code == 302
    assert Evaluation.objects.count() == Job.objects.count() == 9
    assert {each.options["contamination"] for each in Evaluation.objects.all()} == {False}


def test_what_was_chosen_stays_where_something_is_missing(versions, client):
    answer = client.post(
        "/evaluations/new/",
        {"versions": str(versions[1].pk), "limit": 0, "max_new_tokens": 8, "style": "auto"},
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose at least one task" in page
    assert f'value="{versions[1].pk}"' in page.replace("\n", "")
    assert page.count(" checked") == 1


def test_versions_and_tasks_of_others_are_not_offered(versions, client):
    other = make_project("other")
    theirs = make_model_version(make_run(other))
    task = make_evaluation_task(other)
    answer = client.post(
        "/evaluations/new/",
        {"versions": theirs.pk, "tasks": task.pk, "limit": 1, "max_new_tokens": 8, "style": "auto"},
    )
    assert answer.status_code == 422
    assert "This project has no such version." in answer.content.decode()
    assert not Evaluation.objects.exists()


def new_task(client, **fields):
    values = {"name": "Quiz", "kind": "exact", "share": "0.1"}
    return client.post("/evaluations/tasks/new/", values | fields)


def test_a_task_is_registered_from_a_file(client, project):
    row = {"prompt": "6 times 7?", "answer": "#### 42"}
    file = SimpleUploadedFile("quiz.jsonl", (json.dumps(row) + "\n").encode())
    answer = new_task(client, file=file, pattern=r"####\s*(\d+)")
    task = EvaluationTask.objects.get()
    assert answer["Location"] == f"/evaluations/tasks/{task.pk}/"
    assert (task.rows, task.rule["pattern"], task.sample) == (1, r"####\s*(\d+)", [row])
    assert "6 times 7?" in client.get(answer["Location"]).content.decode()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "Give the rows: a file"),
        ({"text": '{"prompt": "x", "answer": "y"}\n{"prompt": "x"}'}, "line 2: The row has no"),
        ({"text": "{"}, "line 1: The line is not JSON"),
        ({"text": '{"prompt": "x", "answer": "y"}', "pattern": "("}, "no regular expression"),
        ({"text": '{"prompt": "x", "answer": "y"}', "pattern": "(?u)(?L)a"}, "no regular expr"),
        ({"text": '{"prompt": "x", "answer": "y"}', "pattern": "(?:(?R)|a)*"}, "call themselves"),
        ({"kind": "loss", "text": "x"}, "Choose a dataset."),
        ({"kind": "nonsense", "text": "x"}, "nonsense is not one of"),
        ({"name": "", "text": '{"prompt": "x", "answer": "y"}'}, "This field is required"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused_and_stays_typed(client, fields, reason):
    answer = new_task(client, description="Typed before", **fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert reason in page
    assert "Typed before" in page
    assert not EvaluationTask.objects.exists()


def test_a_file_that_is_no_text_is_refused(client):
    answer = new_task(client, file=SimpleUploadedFile("quiz.jsonl", b"\xff\xfe\x00"))
    assert "not UTF-8: byte 0" in answer.content.decode()


def test_rows_of_a_dataset_are_a_task_of_their_kind_only(client, project):
    text = make_rows_version(project, "text", [{"text": "abc"}])
    rows = make_rows_version(project, "prompt_completion", [{"prompt": "a", "completion": "b"}])
    refused = new_task(client, kind="exact", dataset_version=text.pk)
    assert "is not scored so" in refused.content.decode()
    assert new_task(client, kind="exact", dataset_version=rows.pk).status_code == 302
    assert EvaluationTask.objects.get().share == 0.1


def test_an_archived_task_is_out_of_the_form_and_comes_back(client, versions, task):
    client.post(f"/evaluations/tasks/{task.pk}/archive/")
    assert "Quiz" not in client.get("/evaluations/new/").content.decode()
    client.post(f"/evaluations/tasks/{task.pk}/archive/")
    assert "Quiz" in client.get("/evaluations/new/").content.decode()


def test_viewers_read_and_are_told_who_may_act(viewer, versions, task):
    assert "A member of the project" in viewer.get("/evaluations/").content.decode()
    make_evaluation(versions[0], task)
    page = viewer.get("/evaluations/").content.decode()
    assert "evaluations/new" not in page
    assert viewer.get("/evaluations/new/").status_code == 403


def test_the_part_on_a_versions_page_takes_one_query(versions, django_assert_num_queries):
    for _ in range(3):
        make_evaluation(versions[0], make_evaluation_task(versions[0].model.project))
    template = engines["django"].from_string('{% include "registry/_evaluations.html" %}')
    with django_assert_num_queries(1):
        page = template.render({"version": versions[0], "may_launch": True})
    assert page.count("/evaluations/") >= 3
    assert "75.0" in page
