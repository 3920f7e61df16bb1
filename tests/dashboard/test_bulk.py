"""The buttons under the runs table: one message each, and undo."""

import pytest
from django.urls import reverse
from django.utils import timezone

from llmhub.accounts.models import Role
from llmhub.dashboard.models import Change
from llmhub.runs.models import Run
from llmhub.runs.states import State
from tests.factories import join, make_project, make_run, make_user

HTMX = {"HX-Request": "true", "HX-Target": "runs-said"}


def change(client, verb, **said):
    return client.post(reverse("runs_change"), {"verb": verb, **said}, headers=HTMX)


def told(answer):
    return " ".join(answer.context["said"].text.split())


def test_chosen_runs_are_archived_and_it_is_undone(client, atlas):
    runs = [make_run(atlas) for _ in range(3)]
    answer = change(client, "archive", runs=f"{runs[0].pk},{runs[1].pk},x,{10**30}")
    assert told(answer) == "2 runs are archived."
    assert answer.headers["HX-Trigger"] == "runs-changed"
    assert Run.objects.filter(archived_at=None).count() == 1
    undo = reverse("change_undo", args=[Change.objects.get().pk])
    assert undo in answer.content.decode()
    assert told(client.post(undo, headers=HTMX)) == "2 runs are out of the archive."
    assert Run.objects.filter(archived_at=None).count() == 3
    assert told(client.post(undo, headers=HTMX)) == "This was taken back already, or too long ago."


def test_all_that_match_are_changed_also_on_other_pages(client, atlas):
    for number in range(4):
        make_run(atlas, name=f"run {number}", tags=["old"] if number < 3 else [])
    answer = change(client, "tag", all="on", filter="tag = old", text="new", runs="")
    assert told(answer) == "3 runs have the tag “new”."
    assert Run.objects.filter(tags__contains=["new"]).count() == 3


def test_one_message_says_what_was_changed_and_what_was_not(client, atlas):
    make_run(atlas, state=State.RUNNING)
    make_run(atlas, state=State.FAILED)
    answer = change(client, "trash", all="on", filter="")
    expected = "1 run is in the trash. 1 was left as it is: 1 is not over: stop it first."
    assert told(answer) == expected


def test_a_tag_that_cannot_be_kept_is_said(client, atlas):
    make_run(atlas)
    answer = change(client, "tag", all="on", filter="", text="a,b")
    assert answer.context["said"].level == "error"
    assert not Change.objects.exists()


@pytest.mark.parametrize(
    "said",
    [
        {"verb": "launch"},
        {"verb": ""},
        {"verb": "tag", "all": "on", "filter": "state ="},
    ],
)
def test_what_makes_no_sense_is_refused(client, atlas, said):
    assert client.post(reverse("runs_change"), said).status_code == 400


def test_runs_of_another_project_are_not_touched(client, atlas, alice):
    other = make_project("borealis")
    join(alice, other, Role.MEMBER)
    run = make_run(other)
    assert told(change(client, "archive", runs=run.pk)) == "No run was changed."


def test_only_who_did_it_takes_it_back(client, atlas):
    bob = make_user("bob@example.com")
    join(bob, atlas, Role.ADMIN)
    mine = Change.objects.create(project=atlas, person=bob, undo="trash", ids=[])
    assert client.post(reverse("change_undo", args=[mine.pk])).status_code == 404


def test_the_trash_gives_back_and_deletes(client, atlas):
    first, second = (
        make_run(atlas, name=name, state=State.FAILED, trashed_at=timezone.now())
        for name in ("first", "second")
    )
    page = client.get(reverse("runs_trash")).content.decode()
    assert "first" in page
    assert "second" in page
    said = {"verb": "restore", "runs": [first.pk], "back": "trash"}
    answer = client.post(reverse("runs_change"), said, follow=True)
    assert "1 run is out of the trash." in answer.content.decode()
    client.post(reverse("runs_change"), {"verb": "delete", "runs": [first.pk, second.pk]})
    assert list(Run.objects.all()) == [first]
    assert "The trash is empty" in client.get(reverse("runs_trash")).content.decode()
