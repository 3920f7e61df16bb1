"""The page of one run, what may be asked there, and the page of the workers."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from llmhub.accounts.models import Role
from llmhub.lib.metric_names import KNOWN
from llmhub.runs import page, pipelines, resolved
from llmhub.runs.models import Checkpoint, Pipeline, Prediction, Run, RunInput, Worker
from llmhub.runs.pipelines import Stage
from llmhub.runs.states import Outcome, State, Want
from llmhub.runs.throughput import Source
from tests.factories import (
    SMOKE_SPEC,
    join,
    make_attempt,
    make_dataset_version,
    make_mix,
    make_model_version,
    make_project,
    make_recipe_version,
    make_run,
    make_user,
)
from tests.runs.alignment import SPECS, add_checkpoint, recipe, trained
from tests.runs.alignment import rows as rows_of

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


def test_the_config_marks_what_the_pipeline_set(member, alice, atlas):
    stages = [
        Stage("pretrain", make_recipe_version(), make_dataset_version(atlas)),
        Stage("sft", recipe("sft"), rows_of(atlas, "sft"), {"training.learning_rate": 0.5}),
    ]
    pipeline = pipelines.launch(user=alice, project=atlas, name="all", scale="full", stages=stages)
    run = pipeline.runs.get(stage=1)
    rows = {row.name: row for _title, group in page.config_groups(run) for row in group}
    base, rate = rows["model.base_model"], rows["training.learning_rate"]
    assert (base.differs, base.by_person, base.by_pipeline) == (True, False, True)
    assert (rate.differs, rate.by_person, rate.by_pipeline) == (True, True, False)
    assert "by the pipeline" in show(member, run)


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


@pytest.mark.parametrize("part", ["run-head", "run-checkpoints", "run-attempts", "run-stages"])
def test_a_part_that_moved_is_fetched_alone(member, atlas, part):
    run = make_run(atlas)
    headers = {"HX-Request": "true", "HX-Target": part}
    body = member.get(reverse("run", args=[run.pk]), headers=headers).content.decode()
    assert f'id="{part}"' in body
    assert "<html" not in body


def test_a_reader_is_told_which_throughput_is_which(member, atlas):
    run = make_run(atlas, State.RUNNING)
    Prediction.objects.create(run=run, speed_source=Source.GUESS)
    shown = show(member, run)
    assert "<dt>Throughput now <details" in shown
    assert "Tokens per second, mean of the run" in shown
    run.state = State.SUCCEEDED
    run.save()
    assert "<dt>Last throughput <details" in show(member, run)


def test_every_known_metric_has_a_title_of_its_own_for_its_chart():
    titles = page.metric_titles()
    assert titles.keys() >= KNOWN.keys() | {"loss", "perplexity", "rewards", "data/share"}
    of_metrics = [titles[name]["title"] for name in KNOWN]
    assert len(set(of_metrics)) == len(of_metrics)
    assert all(title["help"] for title in titles.values())


def test_the_twin_of_a_metric_says_that_it_is_of_the_validation():
    assert page.metric_titles()["val/rewards/margin"]["title"] == "Reward margin, validation"


@pytest.mark.parametrize("objective", ["pretrain", *SPECS])
def test_the_page_shows_the_figures_of_the_objective(member, atlas, objective):
    run = make_run(atlas, spec=SPECS.get(objective))
    shown = show(member, run)
    for metric in page.FIGURES[objective]:
        assert f'data-figure="{metric.name}"' in shown


def test_the_page_takes_a_constant_number_of_queries(member, atlas, django_assert_max_num_queries):
    parts = {f"slot {number}": make_dataset_version(atlas) for number in range(4)}
    pipeline = Pipeline.objects.create(project=atlas, name="all")
    stages = [
        make_run(
            atlas,
            pipeline=pipeline,
            stage=stage,
            dataset_version=None,
            mix_version=make_mix(atlas, parts),
        )
        for stage in range(4)
    ]
    run = stages[1]
    for number in range(1, 6):
        attempt, _ = make_attempt(
            run, number=number, worker=Worker.objects.create(name=f"box {number}")
        )
        checkpoint = add_checkpoint(run, attempt, number)
        user = make_run(atlas)
        RunInput.objects.create(
            run=user, role="model.base_model", source=run, checkpoint=checkpoint
        )
        make_model_version(run, step=number, checkpoint=checkpoint)
    RunInput.objects.create(run=run, role="model.base_model", source=stages[0])
    run.state = State.QUEUED
    run.save()
    with django_assert_max_num_queries(27):
        show(member, run)


class TestHowTheBatchComesAbout:
    def values(self, spec, **fields):
        run = Run(config=spec, **fields)
        return {row.name: row.value for row in resolved.batch_of(run)}

    def test_a_batch_in_tokens_becomes_whole_micro_batches(self):
        training = {**SMOKE_SPEC["training"], "batch_size": None, "global_batch_size": 1_100}
        spec = {**SMOKE_SPEC, "training": training, "runtime": {"processes": 2}}
        # 1,100 tokens are 17.2 sequences of 64.
        assert self.values(spec) == {
            "micro_batch": 8,
            "accumulation": 2,
            "processes": 2,
            "sequences": 32,
            "tokens": 2_048,
        }
        (rounded,) = [row for row in resolved.batch_of(Run(config=spec)) if row.note]
        assert rounded.name == "sequences"

    def test_a_batch_that_fits_is_not_called_rounded(self):
        assert not any(row.note for row in resolved.batch_of(Run(config=SMOKE_SPEC)))

    def test_of_examples_the_longest_count(self):
        spec = SPECS["sft"] | {"training": SPECS["sft"]["training"] | {"micro_batch_size": 2}}
        found = self.values(spec)
        assert (found["accumulation"], found["sequences"], found["tokens"]) == (4, 8, 8 * 64)

    def test_ppo_updates_several_times_a_step(self):
        found = self.values(SPECS["ppo"])
        assert (found["accumulation"], found["update"], found["sequences"]) == (4, 4, 8)
        assert found["updates"] == 2 * 4
        assert found["tokens"] == 8 * (32 + 16)

    def test_the_page_shows_it(self, member, atlas):
        assert '<td class="num" data-figure="tokens">512</td>' in show(member, make_run(atlas))


class TestCheckpoints:
    @pytest.fixture
    def run(self, atlas):
        return trained(atlas, 100, 200)

    def pin(self, client, run, step, pinned="on", **headers):
        checkpoint = run.checkpoints.get(step=step)
        url = reverse("checkpoint_pin", args=[run.pk, checkpoint.pk])
        return client.post(url, {"pinned": pinned} if pinned else {}, headers=headers)

    def pinned(self, run):
        return list(run.checkpoints.filter(pinned=True).values_list("step", flat=True))

    def test_each_can_be_forked_from(self, member, run):
        shown = show(member, run)
        for step in (100, 200):
            assert f"{reverse('run_new')}?from={run.pk}&amp;step={step}" in shown

    def test_one_is_pinned_and_unpinned(self, member, run):
        assert self.pin(member, run, 100).url == f"/runs/{run.pk}/#checkpoints"
        assert self.pinned(run) == [100]
        assert show(member, run).count(">Unpin<") == 1
        self.pin(member, run, 100, pinned="")
        assert self.pinned(run) == []

    def test_with_htmx_the_list_comes_back(self, member, run):
        answer = self.pin(member, run, 200, **{"HX-Request": "true"}).content.decode()
        assert 'id="run-checkpoints"' in answer
        assert "<html" not in answer
        assert answer.count(">Unpin<") == 1

    def test_one_that_is_gone_is_not_pinned(self, member, run):
        run.checkpoints.update(removed_at=timezone.now())
        self.pin(member, run, 100)
        assert self.pinned(run) == []
        shown = show(member, run)
        assert "This checkpoint is not kept any more." in shown
        assert "Fork from here" not in shown

    def test_another_runs_checkpoint_is_not_found(self, member, run, atlas):
        other = trained(atlas, 100)
        url = reverse("checkpoint_pin", args=[run.pk, other.checkpoints.get().pk])
        assert member.post(url, {"pinned": "on"}).status_code == 404

    def test_a_viewer_only_looks(self, viewer, run):
        assert self.pin(viewer, run, 100).status_code == 403
        shown = show(viewer, run)
        assert "Fork from here" not in shown
        assert ">Pin<" not in shown
        assert ">Continue<" not in shown

    def test_what_starts_from_it_is_named(self, member, run, atlas):
        user = make_run(atlas, name="the next stage")
        RunInput.objects.create(
            run=user,
            role="model.base_model",
            source=run,
            checkpoint=run.checkpoints.get(step=200),
        )
        used = show(member, run).partition('id="run-checkpoints"')[2].partition("</table>")[0]
        assert f'<a href="/runs/{user.pk}/">the next stage</a>' in used

    def test_a_run_that_is_over_can_be_continued(self, member, run):
        assert f"?from={run.pk}&amp;continue=1" in show(member, run)

    def test_without_a_checkpoint_or_before_its_end_it_cannot(self, member, run, atlas):
        assert "continue=1" not in show(member, trained(atlas, 100, state=State.RUNNING))
        run.checkpoints.update(removed_at=timezone.now())
        assert "continue=1" not in show(member, run)


def test_a_queued_run_says_what_it_waits_for(member, atlas):
    source = make_run(atlas, State.RUNNING, name="the base")
    run = make_run(atlas)
    RunInput.objects.create(run=run, role="model.base_model", source=source)
    notice = show(member, run).partition('id="run-head"')[2].partition("</run-status>")[0]
    assert "Waits for what it starts from" in notice
    assert f'<a href="/runs/{source.pk}/">the base</a>' in notice
    source.state = State.SUCCEEDED
    source.save()
    assert "Waiting for a free worker" in show(member, run)


@pytest.mark.parametrize(
    ("kinds", "waits_for_ever"),
    [(["cuda"], True), (["cuda", "cpu"], False), (["big"], False), ([], False)],
)
def test_a_queued_run_says_that_no_worker_has_so_many_gpus(member, atlas, kinds, waits_for_ever):
    run = make_run(atlas, spec=SMOKE_SPEC | {"runtime": {"processes": 4}})
    for kind in kinds:
        device = {"kind": "cpu" if kind == "cpu" else "cuda", "name": kind, "memory_bytes": 1}
        slots = 4 if kind == "big" else 2
        Worker.objects.create(name=kind, devices=[device] * slots, slots=slots)
    said = "Waits: no worker that is up has 4 GPUs." in show(member, run)
    assert said == waits_for_ever
    run.state = State.SUCCEEDED
    run.save()
    assert "has 4 GPUs" not in show(member, run)


def test_a_worker_that_has_gone_has_no_gpus_to_wait_for(member, atlas):
    run = make_run(atlas, spec=SMOKE_SPEC | {"runtime": {"processes": 4}})
    device = {"kind": "cuda", "name": "H100", "memory_bytes": 1}
    Worker.objects.create(name="small", devices=[device], slots=1)
    gone = timezone.now() - timedelta(hours=1)
    Worker.objects.create(name="large", devices=[device] * 4, slots=4, last_seen_at=gone)
    assert "has 4 GPUs" in show(member, run)


def origin(client, run):
    return show(client, run).partition("run-origin")[2].partition("</p>")[0]


def test_where_a_continued_run_begins_is_not_taken_for_a_relaunch(member, atlas):
    source = trained(atlas, 1_200)
    run = make_run(atlas, parent=source)
    link = f'<a href="/runs/{source.pk}/">{source.name}</a>'
    assert f"values of {link}" in origin(member, run)
    checkpoint = source.checkpoints.get()
    RunInput.objects.create(
        run=run, role=RunInput.RESUME, source=source, step=1_200, checkpoint=checkpoint
    )
    assert f"goes on from {link}, step 1,200" in origin(member, run)


def test_the_samples_that_the_address_names_are_fetched(member, atlas):
    run = make_run(atlas)
    url = reverse("run", args=[run.pk])
    asked = member.get(url, {"prompt": 2, "step": 40}).content.decode()
    assert f'hx-get="{url}samples/?prompt=2&amp;step=40"' in asked
    assert f'hx-get="{url}samples/"' in show(member, run)


def test_a_mix_is_shown_with_its_parts_and_their_hashes(member, atlas):
    parts = {
        "code": make_dataset_version(atlas),
        "prose": make_dataset_version(atlas, "word " * 99),
    }
    mix = make_mix(atlas, parts, slug="blend")
    run = make_run(atlas, dataset_version=None, mix_version=mix)
    card = show(member, run).partition('id="data"')[2].partition("</section>")[0]
    for slot, version in parts.items():
        assert f"<bdi>{slot}</bdi>" in card
        assert version.sha256 in card
    assert card.count("50 %") == 2
    assert '<a href="/mixes/blend/?version=1">' in card


def test_a_reward_model_has_no_samples_to_show(member, atlas):
    samples = 'href="#samples"'
    assert samples in show(member, make_run(atlas))
    assert samples not in show(member, make_run(atlas, spec=SPECS["reward"]))


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
    make_attempt(make_run(make_project("secret"), name="theirs"), worker=worker, slot=1, width=2)
    response = member.get(reverse("workers"))
    (machine,) = response.context["machines"]
    assert (machine.used, machine.hidden) == (3, 2)
    assert "ours" in response.content.decode()
    assert "theirs" not in response.content.decode()


def test_without_workers_the_page_says_how_to_get_one(member):
    assert "No worker has reported yet" in member.get(reverse("workers")).content.decode()


def test_the_page_of_a_run_from_before_a_rule_is_there(member, atlas):
    run = make_run(atlas, State.SUCCEEDED, recipe_version=recipe("sft"), spec=SPECS["sft"])
    run.config["training"] |= {"warmup_steps": 50, "warmup_ratio": 0.0, "max_steps": 20}
    run.save()
    assert "50" in show(member, run)
