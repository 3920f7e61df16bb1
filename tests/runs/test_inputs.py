"""The models that a run starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from llmhub.datasets.models import MixPart
from llmhub.runs import checkpoints, inputs, launch, pausing, services
from llmhub.runs.attempts import End, end
from llmhub.runs.claim import claim, remind
from llmhub.runs.models import Run, RunInput, Worker
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import Outcome, State
from tests.factories import make_attempt, make_mix, make_project, make_run
from tests.runs.alignment import SPECS, recipe, rows, trained

BASE = "model.base_model"


@pytest.fixture
def wish(alice, atlas) -> dict:
    return {
        "user": alice,
        "project": atlas,
        "recipe_version": recipe("sft"),
        "scale": "full",
        "overrides": {},
        "data": rows(atlas, "sft"),
    }


def refused(wish: dict, reference: str, field: str = BASE) -> str:
    with pytest.raises(LaunchRefused) as caught:
        launch.launch(**wish | {"overrides": {field: reference}})
    assert caught.value.errors.keys() == {field}
    return caught.value.errors[field][0]


def test_a_run_that_is_over_is_started_from(wish, atlas):
    source = trained(atlas, 100, 200)
    run = launch.launch(**wish | {"overrides": {BASE: f"run:{source.pk}"}})
    (edge,) = run.inputs.all()
    best = source.checkpoints.get(step=200)
    assert (edge.role, edge.source, edge.step, edge.checkpoint) == (BASE, source, None, best)


def test_a_demo_model_needs_no_edge(wish):
    assert not launch.launch(**wish).inputs.exists()


def test_a_name_that_is_no_model_is_refused_with_what_there_is(wish):
    assert "There is no model “llama-2-7b-sft” here" in refused(wish, "llama-2-7b-sft")


def test_a_name_that_the_hugging_face_hub_would_never_give_is_refused(wish):
    assert "There is no model “owner/na..me” here" in refused(wish, "owner/na..me")


def test_a_demo_model_that_is_not_installed_says_how(wish):
    assert "make models" in refused(wish, "demo:smollm2-135m")
    assert "There are: tiny" in refused(wish, "demo:huge")


def test_a_run_of_another_project_looks_like_none(wish):
    elsewhere = trained(make_project("borealis"), 100)
    assert "no run" in refused(wish, f"run:{elsewhere.pk}")
    assert "no run" in refused(wish, "run:999999")


def test_a_run_without_a_kept_checkpoint_is_refused(wish, atlas):
    source = trained(atlas, 100)
    source.checkpoints.update(removed_at=source.created_at)
    assert "no checkpoint" in refused(wish, f"run:{source.pk}")


def test_a_step_that_is_not_kept_is_refused(wish, atlas):
    source = trained(atlas, 100)
    assert "step 50" in refused(wish, f"run:{source.pk}/step-50")


def test_of_a_run_at_work_a_step_may_be_taken_and_the_best_may_not(wish, atlas):
    source = trained(atlas, 100, state=State.RUNNING)
    assert "still at work" in refused(wish, f"run:{source.pk}")
    assert launch.launch(**wish | {"overrides": {BASE: f"run:{source.pk}/step-100"}})


def test_what_a_run_that_waits_starts_from_is_not_rotated_away(wish, atlas):
    source = trained(atlas, 100, 200, state=State.RUNNING)
    run = launch.launch(**wish | {"overrides": {BASE: f"run:{source.pk}/step-100"}})
    assert checkpoints.pinned_steps(source) == [100]
    services.stop(run)
    assert checkpoints.pinned_steps(source) == []


def test_a_run_in_the_trash_is_restored_first(wish, atlas):
    source = trained(atlas, 10, trashed_at=timezone.now())
    assert "restore it first" in refused(wish, f"run:{source.pk}")


def test_a_reward_model_scores_and_others_write(wish, atlas):
    scorer = trained(atlas, 10, spec=SPECS["reward"])
    writer = trained(atlas, 10)
    assert "scores texts" in refused(wish, f"run:{scorer.pk}")
    ppo = wish | {"recipe_version": recipe("ppo"), "data": rows(atlas, "ppo")}
    assert "no reward model" in refused(ppo, f"run:{writer.pk}", "model.reward_model")
    run = launch.launch(**ppo | {"overrides": {"model.reward_model": f"run:{scorer.pk}"}})
    assert run.inputs.get().source == scorer


def test_a_folder_must_lie_below_a_root_wherever_links_lead(wish, settings, tmp_path: Path):
    root, outside = tmp_path / "models", tmp_path / "outside"
    for place in (root / "good", root / "empty", outside):
        place.mkdir(parents=True)
    (root / "good" / "config.json").write_text("{}")
    (outside / "config.json").write_text("{}")
    (root / "link").symlink_to(outside)
    settings.MODEL_ROOTS = [root]

    for place in (outside, root / "link", root / ".." / "outside"):
        assert "not below" in refused(wish, f"folder:{place}")
    assert "no config.json" in refused(wish, f"folder:{root / 'empty'}")
    assert launch.launch(**wish | {"overrides": {BASE: f"folder:{root / 'good'}"}})


def test_a_folder_of_a_name_that_no_disk_takes_is_not_there(wish, settings):
    settings.MODEL_ROOTS = ["/"]
    assert "no folder" in refused(wish, f"folder:/{'x' * 256}")


@pytest.mark.parametrize("character", ["\0", "\ud800"], ids=["NUL", "half a character"])
@pytest.mark.parametrize("field", [BASE, "samples.prompts"])
def test_text_that_cannot_be_stored_is_refused(wish, field: str, character: str):
    assert "cannot be stored" in refused(wish, f"folder:/models/{character}", field)


def test_the_best_checkpoint_is_taken_and_stays_the_one(wish, atlas, tmp_path: Path):
    source = trained(atlas, 1, 2, 3, losses={1: 2.0, 2: 1.0, 3: 1.5}, folder=tmp_path)
    run = launch.launch(**wish | {"overrides": {BASE: f"run:{source.pk}"}})

    first = inputs.resolve(run)[BASE]
    assert first["path"].endswith("step-2")
    assert first["sha256"] == f"{2:064x}"
    source.checkpoints.filter(step=3).update(val_loss=0.1)
    assert inputs.resolve(run)[BASE] == first


def test_the_best_of_a_run_that_was_at_work_is_found_when_its_turn_has_come(atlas, tmp_path: Path):
    source = trained(atlas, 1, 2, losses={1: 1.0, 2: 2.0}, folder=tmp_path)
    run = make_run(atlas, spec=SPECS["sft"] | {"model": {"base_model": f"run:{source.pk}"}})
    edge = RunInput.objects.create(run=run, role=BASE, source=source)

    assert inputs.resolve(run)[BASE]["path"].endswith("step-1")

    edge.refresh_from_db()
    assert edge.checkpoint == source.checkpoints.get(step=1)


def test_the_checkpoint_it_went_on_from_is_not_looked_for_among_its_models(atlas):
    """It may be gone once the run has one of its own."""
    source = trained(atlas, 7, spec=SPECS["sft"])
    run = make_run(atlas, spec=SPECS["sft"])
    RunInput.objects.create(run=run, role=RunInput.RESUME, source=source, step=7)
    assert inputs.resolve(run)[BASE]["reference"] == "demo:tiny"


def test_without_a_validation_loss_the_newest_is_the_best(atlas):
    source = trained(atlas, 1, 2)
    found = inputs.find(source, step=None)
    assert found is not None
    assert found.step == 2


def test_a_checkpoint_that_is_not_on_this_machine_is_named(wish, atlas):
    source = trained(atlas, 7)
    run = launch.launch(**wish | {"overrides": {BASE: f"run:{source.pk}"}})
    with pytest.raises(inputs.MissingModel, match=f"step 7 of run {source.pk}"):
        inputs.resolve(run)


def on_this_machine(settings, source: Run) -> None:
    here = Worker.objects.create(name=settings.HUB_NODE)
    source.attempts.update(worker=here)


def test_a_checkpoint_that_somebody_deleted_is_refused_and_no_longer_kept(
    wish, atlas, settings, tmp_path: Path
):
    source = trained(atlas, 7, 8, folder=tmp_path)
    on_this_machine(settings, source)
    gone = source.checkpoints.get(step=8)
    Path(gone.path).rmdir()
    assert gone.path in refused(wish, f"run:{source.pk}")
    gone.refresh_from_db()
    assert gone.removed_at is not None
    run = launch.launch(**wish | {"overrides": {BASE: f"run:{source.pk}"}})
    assert run.inputs.get().checkpoint.step == 7


def test_of_the_disk_of_another_machine_nothing_is_known(wish, atlas, worker):
    source = trained(atlas, 8)
    source.attempts.update(worker=worker)
    assert launch.launch(**wish | {"overrides": {BASE: f"run:{source.pk}"}})


class TestWaiting:
    @pytest.fixture
    def source(self, atlas) -> Run:
        return trained(atlas, 5, state=State.RUNNING)

    @pytest.fixture
    def waiting(self, atlas, source) -> Run:
        run = make_run(atlas, spec=SPECS["sft"])
        RunInput.objects.create(run=run, role=BASE, source=source)
        return run

    def finish(self, run: Run, outcome: Outcome) -> None:
        attempt = run.attempts.get()
        assert end(attempt, End(outcome, step=5))

    def test_it_is_not_taken_while_its_source_is_at_work(self, waiting, worker):
        assert claim(worker) is None
        assert not remind()

    def test_it_is_taken_once_the_source_has_succeeded(self, waiting, source, worker):
        self.finish(source, Outcome.SUCCEEDED)
        attempt, _ = claim(worker)
        assert attempt.run == waiting

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.STOPPED])
    def test_it_ends_with_its_source_and_so_does_what_waits_for_it(
        self, waiting, source, atlas, outcome
    ):
        last = make_run(atlas, spec=SPECS["dpo"])
        RunInput.objects.create(run=last, role=BASE, source=waiting)
        self.finish(source, outcome)
        for run in (waiting, last):
            run.refresh_from_db()
            assert (run.state, run.cause) == (State.STOPPED, "upstream_failed")
        assert source.name in waiting.message

    def test_stopping_a_source_that_nobody_works_on_ends_it_too(self, waiting, atlas):
        last = make_run(atlas, spec=SPECS["dpo"])
        RunInput.objects.create(run=last, role=BASE, source=waiting)
        services.stop(waiting)
        last.refresh_from_db()
        assert last.cause == "upstream_failed"

    def test_a_pause_of_the_source_lets_it_wait(self, waiting, source, worker):
        services.pause(source)
        self.finish(source, Outcome.PAUSED)
        waiting.refresh_from_db()
        assert waiting.state == State.QUEUED
        assert claim(worker) is None

    def test_a_run_that_paused_while_it_waited_ends_too_and_is_not_taken_up_again(
        self, waiting, source
    ):
        pausing.pause_all()
        self.finish(source, Outcome.FAILED)
        waiting.refresh_from_db()
        assert (waiting.state, waiting.resume_on_start) == (State.STOPPED, False)
        pausing.resume_all()
        waiting.refresh_from_db()
        assert waiting.state == State.STOPPED

    def test_each_is_ended_once_however_many_of_its_sources_end(self, waiting, source, atlas):
        """PPO waits for the model and, by way of the reward model, for the same model again."""
        scorer = make_run(atlas, spec=SPECS["reward"])
        last = make_run(atlas, spec=SPECS["ppo"])
        RunInput.objects.create(run=scorer, role=BASE, source=waiting)
        RunInput.objects.create(run=last, role=BASE, source=waiting)
        RunInput.objects.create(run=last, role="model.reward_model", source=scorer)
        self.finish(source, Outcome.FAILED)
        causes = Run.objects.filter(pk__in=[waiting.pk, scorer.pk, last.pk]).values_list("cause")
        assert set(causes) == {("upstream_failed",)}

    def test_what_starts_from_a_step_that_is_there_is_taken_at_once_and_outlives_its_source(
        self, wish, source, worker
    ):
        run = launch.launch(**wish | {"overrides": {BASE: f"run:{source.pk}/step-5"}})
        self.finish(source, Outcome.FAILED)
        attempt, _ = claim(worker)
        assert attempt.run == run

    def test_a_source_that_succeeds_without_a_checkpoint_ends_it(self, waiting, source):
        source.checkpoints.all().delete()
        self.finish(source, Outcome.SUCCEEDED)
        waiting.refresh_from_db()
        assert waiting.cause == "upstream_failed"


class TestGpus:
    """A GPU for each process."""

    @pytest.fixture
    def box(self, db) -> Worker:
        gpus = [
            {"kind": "cuda", "name": "H100", "memory_bytes": 80 * 2**30, "uuid": f"GPU-{i}"}
            for i in range(4)
        ]
        return Worker.objects.create(name="box", slots=4, devices=gpus)

    def wide(self, atlas, processes: int) -> Run:
        run = make_run(atlas)
        run.config["runtime"]["processes"] = processes
        run.save(update_fields=["config"])
        return run

    def test_a_run_takes_as_many_slots_side_by_side_as_it_has_processes(self, atlas, box):
        first, second = self.wide(atlas, 2), self.wide(atlas, 1)
        found = {a.run_id: (a.slot, a.width) for a, _ in (claim(box), claim(box))}
        assert found == {first.pk: (0, 2), second.pk: (2, 1)}
        third = self.wide(atlas, 2)
        assert claim(box) is None
        third.refresh_from_db()
        assert third.state == State.QUEUED

    def test_a_wide_run_lets_narrow_ones_pass_where_it_never_fits(self, atlas, box):
        self.wide(atlas, 8)
        narrow = self.wide(atlas, 1)
        attempt, _ = claim(box)
        assert attempt.run == narrow

    def test_one_that_will_fit_is_not_overtaken_for_ever(self, atlas, box):
        first, _ = self.wide(atlas, 1), claim(box)
        wide = self.wide(atlas, 4)
        self.wide(atlas, 1)
        assert claim(box) is None

        assert end(first.attempts.get(), End(Outcome.SUCCEEDED))
        attempt, _ = claim(box)
        assert (attempt.run, attempt.slot, attempt.width) == (wide, 0, 4)

    def test_gpus_must_be_side_by_side(self, atlas, box):
        singles = [self.wide(atlas, 1) for _ in range(4)]
        attempts = {claim(box)[0].run_id for _ in range(4)}
        assert attempts == {run.pk for run in singles}
        for run in (singles[0], singles[2]):
            end(run.attempts.get(), End(Outcome.SUCCEEDED))
        pair = self.wide(atlas, 2)
        assert claim(box) is None
        end(singles[1].attempts.get(), End(Outcome.SUCCEEDED))
        attempt, _ = claim(box)
        assert (attempt.run, attempt.slot) == (pair, 0)

    def test_a_config_of_before_there_were_processes_takes_one(self, atlas, box):
        run = make_run(atlas)
        del run.config["runtime"]["processes"]
        run.save(update_fields=["config"])
        attempt, _ = claim(box)
        assert (attempt.run, attempt.width) == (run, 1)

    def test_slots_that_a_wide_run_takes_are_not_free(self, atlas, box):
        self.wide(atlas, 4)
        assert Worker.objects.with_free_slot().count() == 1
        claim(box)
        assert not Worker.objects.with_free_slot().exists()

    def test_a_job_is_given_its_gpus_and_its_part_of_the_cores(self, atlas, box):
        from workers.launcher import share_of_machine

        box.cpu_count = 16
        box.save()
        self.wide(atlas, 1), claim(box)
        self.wide(atlas, 2)
        attempt, _ = claim(box)
        given = share_of_machine(attempt)
        assert given["CUDA_VISIBLE_DEVICES"] == "GPU-1,GPU-2"
        assert given["OMP_NUM_THREADS"] == "4"

    def test_on_a_processor_they_share_a_slot(self, atlas, worker):
        run = self.wide(atlas, 2)
        attempt, _ = claim(worker)
        assert (attempt.run, attempt.slot, attempt.width) == (run, 0, 1)


class TestMixes:
    def test_a_mix_is_trained_on(self, wish, atlas):
        one, other = rows(atlas, "sft"), rows(atlas, "sft")
        run = launch.launch(**wish | {"data": make_mix(atlas, {"a": one, "b": other})})
        assert run.dataset_version is None
        assert run.parts == [(one, 0.5), (other, 0.5)]

    def test_every_part_must_hold_what_the_recipe_learns_from(self, wish, atlas):
        mix = make_mix(atlas, {"a": rows(atlas, "sft"), "b": rows(atlas, "dpo")})
        with pytest.raises(LaunchRefused, match="learns from"):
            launch.launch(**wish | {"data": mix})

    def test_open_slots_and_weights_that_do_not_add_up_are_refused(self, wish, atlas):
        mix = make_mix(atlas, {"a": rows(atlas, "sft"), "b": rows(atlas, "sft")})
        MixPart.objects.filter(version=mix, slot="b").update(weight=0.4)
        with pytest.raises(LaunchRefused, match="do not add up"):
            launch.launch(**wish | {"data": mix})
        MixPart.objects.filter(version=mix, slot="b").update(dataset_version=None)
        with pytest.raises(LaunchRefused, match="slots without data: b"):
            launch.launch(**wish | {"data": mix})

    def test_one_of_another_project_is_refused(self, wish):
        other = make_project("borealis")
        mix = make_mix(other, {"a": rows(other, "sft")})
        with pytest.raises(LaunchRefused, match="no such dataset"):
            launch.launch(**wish | {"data": mix})


def test_the_job_names_models_data_and_processes(wish, atlas, worker, tmp_path: Path):
    from workers.launcher import job

    source = trained(atlas, 9, folder=tmp_path)
    mix = make_mix(atlas, {"a": rows(atlas, "sft"), "b": rows(atlas, "sft")})
    wish |= {"data": mix, "overrides": {BASE: f"run:{source.pk}", "runtime.processes": 2}}
    run = launch.launch(**wish | {"overrides": wish["overrides"]})
    attempt, _ = make_attempt(run, worker=worker, slot=0)

    told = job(attempt, None, inputs.resolve(run))

    assert told["models"][BASE]["path"] == str(tmp_path / str(source.pk) / "step-9")
    assert [(part["weight"], part["sha256"]) for part in told["data"]] == [
        (weight, version.sha256) for version, weight in run.parts
    ]
    assert told["processes"] == 2


def test_rows_that_the_base_model_cannot_read_are_refused(wish):
    """The tiny model reads 512 tokens."""
    with pytest.raises(LaunchRefused) as caught:
        launch.launch(**wish | {"overrides": {"training.max_seq_length": 1024}})
    assert "512" in caught.value.errors["training.max_seq_length"][0]


@pytest.mark.parametrize(("written", "is_refused"), [(511, False), (512, True)])
def test_samples_that_the_base_model_cannot_write_are_refused(wish, written, is_refused):
    values = {"samples.every": 5, "samples.max_new_tokens": written}
    if not is_refused:
        assert launch.launch(**wish | {"overrides": values})
        return
    with pytest.raises(LaunchRefused) as caught:
        launch.launch(**wish | {"overrides": values})
    assert "511 at most" in caught.value.errors["samples.max_new_tokens"][0]


def test_a_run_that_shows_no_samples_may_keep_any_length_of_them(wish):
    assert launch.launch(**wish | {"overrides": {"samples.max_new_tokens": 4096}})


def test_answers_that_leave_the_context_of_the_base_model_are_refused(alice, atlas):
    scorer = trained(atlas, 10, spec=SPECS["reward"])
    asked = {"model.reward_model": f"run:{scorer.pk}", "training.response_length": 481}
    with pytest.raises(LaunchRefused) as caught:
        launch.launch(
            user=alice,
            project=atlas,
            recipe_version=recipe("ppo"),
            scale="full",
            overrides=asked,
            data=rows(atlas, "ppo"),
        )
    assert "this asks for 513" in caught.value.errors["training.response_length"][0]
