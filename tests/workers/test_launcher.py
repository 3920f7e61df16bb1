import json
from pathlib import Path

import pytest

from llmhub.lib import manifest
from llmhub.runs.claim import claim
from llmhub.runs.models import Attempt, RunInput, Worker
from llmhub.runs.states import State
from tests.factories import make_attempt, make_project, make_run
from tests.runs.alignment import SPECS, trained
from tests.workers.conftest import kill
from workers import launcher, node
from workers.data.reading.source import Source
from workers.supervisor import resumed_step
from workers.timing import BackOff

GPUS = [{"kind": "cuda", "name": "H200", "memory_bytes": 1, "uuid": f"GPU-{n}"} for n in range(2)]


@pytest.fixture
def disk(settings, tmp_path):
    settings.HUB_DATA = tmp_path
    return tmp_path


@pytest.fixture
def atlas(db):
    return make_project()


@pytest.fixture
def worker(db):
    return Worker.objects.create(name="node-1", slots=1, cpu_count=6)


def prepared(worker):
    place = launcher.prepare(*claim(worker))
    return place, json.loads(place.job.read_text())


def test_a_job_says_all_that_the_trainer_needs(atlas, worker, disk):
    run = make_run(atlas)

    place, job = prepared(worker)

    assert place.path == disk / "runs" / str(run.pk) / "attempts" / "1"
    assert (job["run_id"], job["attempt_number"], job["spec"]) == (run.pk, 1, run.config)
    (data,) = job["data"]
    assert data["sha256"] == run.dataset_version.sha256
    Source.parse(data).verify()
    assert job["resume_from"] is None
    assert job["environment"]["CUDA_VISIBLE_DEVICES"] == ""
    assert job["environment"]["OMP_NUM_THREADS"] == "6"


def test_each_slot_has_a_gpu_of_its_own(atlas, disk):
    worker = Worker.objects.create(name="node-2", slots=2, cpu_count=8, devices=GPUS)
    make_run(atlas), make_run(atlas)

    shares = [prepared(worker)[1]["environment"] for _ in range(2)]

    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares] == ["GPU-0", "GPU-1"]
    assert {share["OMP_NUM_THREADS"] for share in shares} == {"4"}


def test_the_next_attempt_goes_on_from_the_checkpoint_of_the_one_before(atlas, worker, disk):
    run = make_run(atlas)
    make_attempt(run, State.QUEUED, ended_at=run.queued_at)
    checkpoint = disk / "runs" / str(run.pk) / "checkpoints" / "step-5"
    checkpoint.mkdir(parents=True)
    manifest.write(checkpoint, step=5, val_loss=None)

    _, job = prepared(worker)

    assert job["resume_from"] == str(checkpoint)
    assert Attempt.objects.get(number=2).resumed_from_step == 5


def test_files_of_another_databases_run_are_not_taken_for_this_ones(atlas, worker, disk):
    run = make_run(atlas)
    foreign = disk / "runs" / str(run.pk) / "checkpoints" / "step-99"
    foreign.mkdir(parents=True)
    manifest.write(foreign, step=99, val_loss=None)

    _, job = prepared(worker)

    assert job["resume_from"] is None
    assert [path.name.split(".")[0] for path in disk.glob(f"runs/{run.pk}.aside-*")] == [
        str(run.pk)
    ]


def test_a_run_whose_model_is_gone_fails_once_and_for_all(atlas, worker, disk):
    source = trained(atlas, 7)
    run = make_run(atlas, spec=SPECS["sft"] | {"model": {"base_model": f"run:{source.pk}"}})
    RunInput.objects.create(run=run, role="model.base_model", source=source)
    waiting = make_run(atlas, spec=SPECS["dpo"])
    RunInput.objects.create(run=waiting, role="model.base_model", source=run)

    assert [launcher.fill_slots(worker) for _ in range(2)] == [0, 0]

    run.refresh_from_db()
    assert (run.state, run.cause, run.attempts.count()) == (State.FAILED, "missing_model", 1)
    assert f"step 7 of run {source.pk}" in run.message
    waiting.refresh_from_db()
    assert waiting.cause == "upstream_failed"


class TestARunThatGoesOnFromAnother:
    @pytest.fixture
    def run(self, atlas, tmp_path):
        source = trained(atlas, 10, folder=tmp_path / "elsewhere")
        run = make_run(atlas, parent=source)
        checkpoint = source.checkpoints.get()
        RunInput.objects.create(
            run=run, role=RunInput.RESUME, source=source, step=10, checkpoint=checkpoint
        )
        return run

    def test_begins_at_the_others_checkpoint(self, run, worker, disk):
        _, job = prepared(worker)
        assert job["resume_from"] == run.inputs.get().checkpoint.path
        assert run.attempts.get().resumed_from_step == resumed_step(job) == 10

    def test_goes_on_from_its_own_once_it_has_one_even_if_the_others_is_gone(
        self, run, worker, disk
    ):
        make_attempt(run, State.QUEUED, ended_at=run.queued_at)
        own = disk / "runs" / str(run.pk) / "checkpoints" / "step-12"
        own.mkdir(parents=True)
        manifest.write(own, step=12, val_loss=None)
        Path(run.inputs.get().checkpoint.path).rmdir()

        _, job = prepared(worker)

        assert job["resume_from"] == str(own)

    def test_fails_where_the_others_is_gone_and_it_has_none(self, run, worker, disk):
        Path(run.inputs.get().checkpoint.path).rmdir()

        assert launcher.fill_slots(worker) == 0

        run.refresh_from_db()
        assert (run.state, run.cause) == (State.FAILED, "missing_model")


class TestAMachineThatCanStartNothing:
    @pytest.fixture(autouse=True)
    def full(self, disk, monkeypatch):
        monkeypatch.setattr(launcher, "_rest", BackOff(first=60, longest=60))
        (disk / "runs").write_text("a file where a folder should be")

    def test_takes_one_run_and_then_rests(self, atlas, worker):
        runs = [make_run(atlas), make_run(atlas)]

        assert [launcher.fill_slots(worker) for _ in range(3)] == [0, 0, 0]

        assert Attempt.objects.count() == 1
        for run in runs:
            run.refresh_from_db()
            assert run.state == State.QUEUED
        assert runs[0].cause == "never_started"

    def test_fails_no_run_for_good_and_lets_each_have_its_turn(self, atlas, worker, monkeypatch):
        monkeypatch.setattr(launcher, "_rest", BackOff(first=0, longest=0))
        runs = [make_run(atlas), make_run(atlas)]
        for _ in range(8):
            monkeypatch.setattr(launcher, "claim", once(claim))
            launcher.fill_slots(worker)

        for run in runs:
            run.refresh_from_db()
            assert (run.state, run.attempts.count()) == (State.QUEUED, 4)


def once(call):
    """The answer for the first time, then nothing."""
    answers = iter([call])
    return lambda worker: next(answers, lambda _: None)(worker)


def test_only_attempts_without_a_supervisor_are_orphans(case):
    case.script("wait_for go", "end succeeded")
    supervisor = case.supervise()
    case.trainer()
    assert launcher.unfinished(case.place.path.parents[3]) == [case.place]
    assert not launcher.is_free(case.place)

    kill(supervisor)
    assert launcher.is_free(case.place)

    case.allow("go")
    case.finish()
    assert launcher.unfinished(case.place.path.parents[3]) == []


def test_a_machine_that_shares_a_disk_adopts_only_its_own(atlas, worker, disk, settings):
    settings.HUB_NODE = "node-1"
    make_run(atlas)
    place, _ = prepared(worker)
    assert launcher.unfinished(disk) == [place]

    settings.HUB_NODE = "node-2"

    assert launcher.unfinished(disk) == []


def test_a_machine_shows_what_it_offers(disk, db, settings):
    settings.HUB_NODE = "node-9"

    node.register()
    first_seen = Worker.objects.get().first_seen_at
    node.register()

    worker = Worker.objects.get()
    assert (worker.name, worker.first_seen_at) == ("node-9", first_seen)
    assert worker.slots >= 1
    assert worker.devices
    assert worker.disk_free_bytes > 0
    assert worker in Worker.objects.alive()
