"""What is done to many runs at once: who may, what is left as it is, and what goes with a run."""

from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.accounts.models import Role
from llmhub.jobs.models import Dispatch
from llmhub.runs import organise
from llmhub.runs.models import Run, RunInput
from llmhub.runs.organise import Left
from llmhub.runs.said import Refused
from llmhub.runs.states import State
from tests.checklists.signed import Signed
from tests.factories import join, make_attempt, make_project, make_run, make_user
from workers import leftovers

pytestmark = pytest.mark.django_db


@pytest.fixture
def atlas():
    return make_project("atlas")


@pytest.fixture
def alice(atlas):
    user = make_user()
    join(user, atlas, Role.MEMBER)
    return user


def left(outcome):
    return {why: count for why, count in outcome.left.items() if count}


def test_runs_are_tagged_once_and_as_often_as_fits(atlas, alice):
    plain, has = make_run(atlas), make_run(atlas, tags=["a b"])
    full = make_run(atlas, tags=[f"t{n}" for n in range(20)])
    outcome = organise.tag(alice, Run.objects.all(), "  a   b ")
    assert outcome.changed == [plain.pk]
    assert left(outcome) == {Left.SAME: 1, Left.FULL: 1}
    assert Run.objects.get(pk=plain.pk).tags == ["a b"]
    assert organise.untag(alice, Run.objects.all(), "a b").changed == [plain.pk, has.pk]
    assert Run.objects.get(pk=full.pk).tags == full.tags


@pytest.mark.parametrize("text", ["", " ", "x" * 41, "a\0b", "a\ud800b", "a,b"])
def test_a_tag_that_cannot_be_kept_is_refused(atlas, alice, text):
    with pytest.raises(Refused):
        organise.tag(alice, Run.objects.all(), text)


def test_what_a_person_may_not_change_stays_and_what_they_do_not_see_is_not_told(atlas, alice):
    seen, unseen = make_project("seen"), make_project("unseen")
    join(alice, seen, Role.VIEWER)
    mine, theirs = make_run(atlas), make_run(seen)
    make_run(unseen)
    outcome = organise.archive(alice, Run.objects.all())
    assert outcome.changed == [mine.pk]
    assert left(outcome) == {Left.FORBIDDEN: 1}
    assert Run.objects.get(pk=theirs.pk).archived_at is None


def test_only_runs_that_are_over_go_to_the_trash_and_come_back(atlas, alice):
    over, running = make_run(atlas, state=State.FAILED), make_run(atlas, state=State.RUNNING)
    outcome = organise.trash(alice, Run.objects.all())
    assert outcome.changed == [over.pk]
    assert left(outcome) == {Left.NOT_OVER: 1}
    assert "1 is not over: stop it first" in outcome.reasons
    assert Run.objects.get(pk=running.pk).trashed_at is None
    assert organise.restore(alice, Run.objects.all()).changed == [over.pk]


def test_stopping_many_stops_those_that_are_not_over(atlas, alice):
    queued, over = make_run(atlas, state=State.QUEUED), make_run(atlas, state=State.SUCCEEDED)
    outcome = organise.stop(alice, Run.objects.all())
    assert outcome.changed == [queued.pk]
    assert left(outcome) == {Left.OVER: 1}
    over.refresh_from_db()
    assert over.state == State.SUCCEEDED


def thrown_away(project, days=0, **fields):
    when = timezone.now() - timedelta(days=days)
    return make_run(project, state=State.FAILED, trashed_at=when, **fields)


def starts_from(run, source):
    return RunInput.objects.create(run=run, role=RunInput.RESUME, source=source)


def test_only_what_lies_in_the_trash_is_deleted_and_nothing_that_is_used(atlas, alice):
    gone, used = thrown_away(atlas), thrown_away(atlas)
    here = make_run(atlas, state=State.FAILED)
    starts_from(here, used)
    outcome = organise.delete(alice, Run.objects.all())
    assert outcome.changed == [gone.pk]
    assert left(outcome) == {Left.USED: 1}
    assert set(Run.objects.values_list("pk", flat=True)) == {used.pk, here.pk}


def test_a_run_and_the_one_that_starts_from_it_are_deleted_together(atlas, alice):
    source = thrown_away(atlas)
    starts_from(thrown_away(atlas), source)
    assert len(organise.delete(alice, Run.objects.all()).changed) == 2


def test_every_machine_that_worked_on_a_run_is_told_to_remove_its_files(atlas, alice):
    from llmhub.runs.models import Worker

    run = thrown_away(atlas)
    worker = Worker.objects.create(name="box")
    make_attempt(run, state=None, worker=worker)
    make_attempt(run, state=None, worker=worker)
    organise.delete(alice, Run.objects.all())
    sent = Dispatch.objects.get(task=organise.REMOVE_FILES)
    assert (sent.args, sent.queue) == ([run.pk], "node.box")


def test_a_machine_removes_the_files_of_a_deleted_run_alone(atlas, settings, tmp_path):
    settings.HUB_DATA = tmp_path
    run = make_run(atlas)
    for number in (run.pk, run.pk + 1):
        (tmp_path / "runs" / str(number) / "checkpoints").mkdir(parents=True)
    assert not leftovers.remove(run.pk)
    assert leftovers.remove(run.pk + 1)
    assert not leftovers.remove(run.pk + 1)
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == [str(run.pk)]


def test_the_trash_is_emptied_of_what_lay_in_it_long_enough(atlas):
    old, young, used = thrown_away(atlas, 31), thrown_away(atlas, 29), thrown_away(atlas, 31)
    starts_from(make_run(atlas), used)
    assert organise.empty_trash() == 1
    left_over = set(Run.objects.values_list("pk", flat=True))
    assert old.pk not in left_over
    assert {young.pk, used.pk} <= left_over


def test_a_run_that_people_signed_for_is_kept(db, alice):
    signed = Signed("signed")
    join(alice, signed.project)
    Run.objects.filter(pk=signed.run.pk).update(
        state=State.FAILED, trashed_at=timezone.now() - timedelta(days=31)
    )
    assert organise.empty_trash() == 0
    outcome = organise.delete(alice, Run.objects.all())
    assert (outcome.changed, left(outcome)) == ([], {Left.USED: 1})


def test_notes_and_tags_of_one_run_are_set(atlas):
    run = make_run(atlas)
    organise.set_notes(run, "  one\r\ntwo ")
    organise.set_tags(run, ["a", "b", "a"])
    run.refresh_from_db()
    assert (run.notes, run.tags) == ("one\ntwo", ["a", "b"])
    for wrong in ("x" * 50_001, "a\0"):
        with pytest.raises(Refused):
            organise.set_notes(run, wrong)
    with pytest.raises(Refused):
        organise.set_tags(run, [f"t{n}" for n in range(21)])


def test_many_runs_take_as_many_queries_as_few(atlas, alice, django_assert_max_num_queries):
    for _ in range(8):
        make_run(atlas, state=State.FAILED)
    with django_assert_max_num_queries(9):
        organise.trash(alice, Run.objects.all())


def test_tags_and_notes_are_edited_on_the_page_of_the_run(atlas, alice, client):
    run = make_run(atlas)
    client.force_login(alice)
    url = f"/runs/{run.pk}/about/"
    page = client.post(url, {"tags": "a, b,,a", "notes": "<b>x</b>"}, follow=True).content.decode()
    run.refresh_from_db()
    assert (run.tags, run.notes) == (["a", "b"], "<b>x</b>")
    assert "<b>x</b>" not in page
    client.post(url, {"tags": "x" * 41, "notes": "other"})
    run.refresh_from_db()
    assert (run.tags, run.notes) == (["a", "b"], "<b>x</b>")
