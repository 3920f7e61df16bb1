"""What is marked on curves: checkpoints, samples and notes; who may pin a note and change it."""

import pytest
from django.test import Client
from django.urls import reverse

from llmhub.accounts.models import Role
from llmhub.dashboard import marks
from llmhub.dashboard.models import RunNote
from llmhub.metrics.models import Sample
from llmhub.runs.models import Checkpoint
from tests.factories import join, make_attempt, make_project, make_run, make_user


@pytest.fixture
def run(atlas):
    return make_run(atlas)


def pin(client, run, **data):
    return client.post(reverse("pin_note", args=[run.pk]), {"step": 5, "text": "here"} | data)


def marks_of(client, *runs):
    query = ",".join(str(run.pk) for run in runs)
    return client.get(reverse("run_marks"), {"runs": query})


def checkpoint(attempt, step, **more):
    return Checkpoint.objects.create(
        run=attempt.run, attempt=attempt, step=step, path="/c", bytes=1,
        manifest_sha256="ab" * 32, **more,
    )  # fmt: skip


def test_checkpoints_samples_and_notes_are_marked_once_a_step(client, atlas, run):
    attempt, _ = make_attempt(run)
    checkpoint(attempt, 10)
    for index in range(2):
        Sample.objects.create(
            run=run, attempt=attempt, step=7, index=index, prompt="a", text="b", decoding="greedy"
        )
    pin(client, run)
    other = make_run(atlas)
    (mine, empty) = marks_of(client, run, other).json()["runs"]
    assert [(mark["kind"], mark["step"]) for mark in mine["marks"]] == [
        ("checkpoint", 10), ("sample", 7), ("note", 5)
    ]  # fmt: skip
    assert (mine["run"], empty) == (run.pk, {"run": other.pk, "marks": []})


def test_a_checkpoint_that_is_gone_is_no_mark(client, run):
    attempt, _ = make_attempt(run)
    checkpoint(attempt, 10, removed_at=attempt.claimed_at)
    assert marks_of(client, run).json()["runs"][0]["marks"] == []


def test_of_many_alike_the_newest_are_shown(run, monkeypatch):
    monkeypatch.setattr(marks, "MOST_MARKS", 2)
    attempt, _ = make_attempt(run)
    for step in (1, 2, 3):
        checkpoint(attempt, step)
    assert sorted(mark["step"] for mark in marks.of([run])[run.pk]) == [2, 3]


def test_the_statements_do_not_grow_with_the_runs(atlas, django_assert_num_queries):
    runs = [make_run(atlas) for _ in range(4)]
    with django_assert_num_queries(3):
        marks.of(runs)


def test_a_note_is_pinned_changed_and_removed(client, alice, run):
    note = pin(client, run, text=" the loss jumps ").json()
    assert (note["step"], note["text"], note["by"]) == (5, "the loss jumps", str(alice))
    address = [run.pk, note["id"]]
    client.post(reverse("change_note", args=address), {"text": "no, the data do"})
    assert RunNote.objects.get().text == "no, the data do"
    client.post(reverse("remove_note", args=address))
    assert not RunNote.objects.exists()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"step": -1}, "step"),
        ({"step": 2**63}, "step"),
        ({"step": "x"}, "step"),
    ],
)
def test_what_is_no_note_is_refused_and_the_field_named(client, run, data, field):
    answer = pin(client, run, **data)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert not RunNote.objects.exists()


def test_a_run_takes_no_endless_number_of_notes(client, run, monkeypatch):
    monkeypatch.setattr(marks, "MOST_NOTES", 1)
    assert [pin(client, run).status_code for _ in range(2)] == [200, 409]


def test_a_viewer_reads_notes_and_pins_none(atlas, run):
    viewer = Client()
    viewer.force_login(join(make_user("vera@example.com"), atlas, Role.VIEWER).user)
    assert pin(viewer, run).status_code == 403
    assert marks_of(viewer, run).status_code == 200


def test_a_note_is_reached_through_its_own_run_only(client, atlas, run):
    note = pin(client, run).json()
    other = make_run(atlas)
    answer = client.post(reverse("remove_note", args=[other.pk, note["id"]]))
    assert answer.status_code == 404


def test_marks_of_a_run_that_may_not_be_seen_do_not_exist(client, run):
    hidden = make_run(make_project("borealis"))
    assert marks_of(client, run, hidden).status_code == 404
