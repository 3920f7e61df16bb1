"""The page of one run, what may be asked there, and the page of the workers."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from llmhub.accounts.models import Role
from llmhub.lib.metric_names import KNOWN
from llmhub.runs import page
from llmhub.runs.models import Checkpoint, Worker
from llmhub.runs.states import Outcome, State, Want
from tests.factories import (
    SMOKE_SPEC,
    join,
    make_attempt,
    make_project,
    make_recipe_version,
    make_run,
    make_user,
)

XSS = "<script>alert('run')</script>"


@pytest.fixture
def atlas(db):
    return make_project("atlas")


def browser(project, role):
    user = make_user(f"{role}@example.com")
    join(user, project, role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def member(atlas):
    return browser(atlas, Role.MEMBER)


@pytest.fixture
def viewer(atlas):
    return browser(atlas, Role.VIEWER)


def show(client, run):
    return client.get(reverse("run", args=[run.pk])).content.decode()


def ask(client, run, verb, **headers):
    return client.post(reverse(f"run_{verb}", args=[run.pk]), headers=headers)


def test_a_name_and_a_message_are_text_and_never_markup(member, atlas):
    run = make_run(atlas, State.FAILED, name=XSS, cause="crashed", message=XSS)
    shown = show(member, run)
    assert XSS not in shown
    assert "&lt;script&gt;alert(&#x27;run&#x27;)&lt;/script&gt;" in shown


def test_a_failed_run_says_what_happened_and_what_to_change(member, atlas):
    run = make_run(atlas, State.FAILED, cause="not_a_number", message="loss was nan at step 7")
    shown = show(member, run)
    assert "no longer a finite number" in shown
    assert "Lower the learning rate" in shown
    assert "loss was nan at step 7" in shown


def test_a_member_may_stop_pause_and_launch_again_and_a_viewer_only_looks(member, viewer, atlas):
    run = make_run(atlas, State.RUNNING)
    for_member, for_viewer = show(member, run), show(viewer, run)
    for url in (reverse("run_stop", args=[run.pk]), reverse("run_pause", args=[run.pk])):
        assert url in for_member
        assert url not in for_viewer
    assert "Launch again" in for_member
    assert "Launch again" not in for_viewer


def test_a_run_that_is_over_offers_neither_stop_nor_pause(member, atlas):
    shown = show(member, make_run(atlas, State.SUCCEEDED))
    assert "stop-dialog" not in shown
    assert "Pause" not in shown


def test_a_paused_run_can_be_resumed(member, atlas):
    run = make_run(atlas, State.PAUSED, want=Want.PAUSE)
    assert reverse("run_resume", args=[run.pk]) in show(member, run)
    ask(member, run, "resume")
    run.refresh_from_db()
    assert (run.state, run.want) == (State.QUEUED, Want.RUN)


def test_stopping_a_run_that_nobody_works_on_ends_it_at_once_and_says_so(member, atlas):
    run = make_run(atlas, State.QUEUED)
    response = ask(member, run, "stop")
    assert response.url == reverse("run", args=[run.pk])
    run.refresh_from_db()
    assert run.state == State.STOPPED
    assert "The run is stopped." in show(member, run)


def test_with_htmx_the_head_comes_back_with_what_happened(member, atlas):
    run = make_run(atlas, State.RUNNING)
    body = ask(member, run, "stop", **{"HX-Request": "true"}).content.decode()
    run.refresh_from_db()
    assert run.want == Want.STOP
    assert 'id="run-head"' in body
    assert "writes a checkpoint at its next step and stops" in body
    assert 'hx-swap-oob="true"' in body


@pytest.mark.parametrize("verb", ["stop", "pause", "resume"])
def test_a_viewer_may_ask_nothing(viewer, atlas, verb):
    run = make_run(atlas, State.RUNNING)
    assert ask(viewer, run, verb).status_code == 403
    run.refresh_from_db()
    assert (run.state, run.want) == (State.RUNNING, Want.RUN)


def test_the_page_is_about_the_runs_project_whichever_was_looked_at_before(member, atlas):
    run = make_run(atlas)
    other = make_project("zephyr")
    join(atlas.memberships.get().user, other, Role.VIEWER)
    response = member.get(reverse("run", args=[run.pk]), {"project": "zephyr"})
    assert response.context["current_project"] == atlas
    assert response.context["may_act"]
    # And so do the pages that its links lead to.
    assert member.get("/people/").context["current_project"] == atlas


def test_the_config_marks_what_a_person_and_what_the_scale_changed(atlas):
    recipe = make_recipe_version()
    changed = {
        **SMOKE_SPEC,
        "training": {**SMOKE_SPEC["training"], "learning_rate": 0.5, "seed": 7},
    }
    run = make_run(
        atlas, spec=changed, recipe_version=recipe, overrides={"training.learning_rate": 0.5}
    )
    groups = dict(page.config_groups(run))
    rows = {row.name: row for group in groups.values() for row in group}
    rate, seed = rows["training.learning_rate"], rows["training.seed"]
    assert (rate.value, rate.recipe_value, rate.by_person) == (0.5, 0.002, True)
    assert (seed.differs, seed.by_person) == (True, False)
    assert not rows["model.n_embd"].differs
    assert list(groups) == ["Kind", "Model", "Training", "Data", "Execution", "Samples"]


def test_attempts_and_checkpoints_are_listed_with_their_reasons(member, atlas):
    run = make_run(atlas)
    worker = Worker.objects.create(name="gpu-box")
    attempt, _ = make_attempt(run, worker=worker, outcome=Outcome.KILLED, cause="killed")
    Checkpoint.objects.create(
        run=run, attempt=attempt, step=500, path="/c/500", bytes=2048, manifest_sha256="ab" * 32
    )
    shown = show(member, run)
    assert "The trainer&#x27;s process was killed." in shown
    assert "gpu-box" in shown
    assert "abababababab" in shown


@pytest.mark.parametrize("part", ["run-head", "run-checkpoints", "run-attempts"])
def test_a_part_that_moved_is_fetched_alone(member, atlas, part):
    run = make_run(atlas)
    headers = {"HX-Request": "true", "HX-Target": part}
    body = member.get(reverse("run", args=[run.pk]), headers=headers).content.decode()
    assert f'id="{part}"' in body
    assert "<html" not in body


def test_every_known_metric_has_a_title_for_its_chart():
    titles = page.metric_titles()
    assert titles.keys() >= KNOWN.keys() | {"loss", "perplexity"}


def test_the_page_takes_a_constant_number_of_queries(member, atlas, django_assert_max_num_queries):
    run = make_run(atlas)
    for number in range(1, 6):
        make_attempt(run, number=number, worker=Worker.objects.create(name=f"box {number}"))
    with django_assert_max_num_queries(16):
        show(member, run)


def test_a_worker_that_fell_silent_is_marked(member):
    now = timezone.now()
    Worker.objects.create(name="awake", last_seen_at=now)
    Worker.objects.create(name="asleep", last_seen_at=now - timedelta(hours=1))
    machines = member.get(reverse("workers")).context["machines"]
    assert [(machine.worker.name, machine.alive) for machine in machines] == [
        ("awake", True),
        ("asleep", False),
    ]


def test_runs_of_other_projects_take_slots_without_being_named(member, atlas):
    worker = Worker.objects.create(name="shared", slots=4)
    make_attempt(make_run(atlas, name="ours"), worker=worker, slot=0)
    make_attempt(make_run(make_project("secret"), name="theirs"), worker=worker, slot=1)
    response = member.get(reverse("workers"))
    (machine,) = response.context["machines"]
    assert (machine.used, machine.hidden) == (2, 1)
    assert "ours" in response.content.decode()
    assert "theirs" not in response.content.decode()


def test_without_workers_the_page_says_how_to_get_one(member):
    assert "No worker has reported yet" in member.get(reverse("workers")).content.decode()
