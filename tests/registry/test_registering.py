"""From a checkpoint to a version: what is copied and checked, and what is left when it fails."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from llmhub.jobs import lifecycle
from llmhub.jobs.models import Job
from llmhub.lib import manifest
from llmhub.lib.problems import Problem
from llmhub.registry import registering
from llmhub.registry.models import Model, ModelVersion, Stage, VersionState
from llmhub.runs import organise
from llmhub.runs.models import Checkpoint, Run
from llmhub.runs.said import Refused
from llmhub.runs.states import State
from tests.factories import make_project, make_run
from tests.jobs.running import run_jobs
from tests.registry.made import make_checkpoint
from workers.data.progress import Progress
from workers.models import register as work
from workers.process import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(atlas):
    return make_run(atlas, State.SUCCEEDED, name="Small GPT-2")


@pytest.fixture
def checkpoint(run, tmp_path):
    return make_checkpoint(run, tmp_path)


@pytest.fixture(autouse=True)
def nothing_is_left_of_other_tests():
    yield
    shutil.rmtree(Path(settings.HUB_DATA) / "models", ignore_errors=True)


def registered(checkpoint, user=None, **more):
    version = registering.register(checkpoint, user, **more)
    run_jobs()
    version.refresh_from_db()
    return version


def jobs_folder():
    folder = Path(settings.HUB_DATA) / "jobs"
    return list(folder.iterdir()) if folder.is_dir() else []


def values(checkpoint, folder):
    return {
        "source": checkpoint.path,
        "manifest_sha256": checkpoint.manifest_sha256,
        "folder": str(folder),
    }


def test_a_version_has_the_files_that_transformers_loads_and_their_hashes(checkpoint, alice):
    version = registered(checkpoint, alice)
    assert version.state == VersionState.READY
    assert {path.name for path in version.folder.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }
    for file in version.files:
        kept = version.folder / file["name"]
        assert manifest.file_hash(kept) == file["sha256"]
        assert kept.stat().st_size == file["bytes"]
    assert version.bytes == sum(file["bytes"] for file in version.files)
    assert version.facts == {
        "architecture": "GPT2LMHeadModel",
        "context": 64,
        "vocabulary": 256,
        "parameters": 12,
        "types": {"F32": 12},
    }
    assert (version.step, version.created_by, str(version)) == (20, alice, "Small GPT-2 v1")
    assert jobs_folder() == []


def test_it_stays_when_the_checkpoint_goes(checkpoint):
    version = registered(checkpoint)
    shutil.rmtree(checkpoint.path)
    checkpoint.delete()
    version.refresh_from_db()
    assert manifest.file_hash(version.folder / "model.safetensors") == next(
        file["sha256"] for file in version.files if file["name"] == "model.safetensors"
    )


def test_what_happens_to_a_checkpoint_does_not_happen_to_its_versions(checkpoint):
    version = registered(checkpoint)
    weights = version.folder / "model.safetensors"
    before = weights.read_bytes()
    source = Path(checkpoint.path) / "model.safetensors"
    source.write_bytes(b"")
    assert weights.read_bytes() == before
    assert weights.stat().st_mode & 0o222 == 0


def test_where_the_kernel_cannot_clone_they_are_copied(checkpoint, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    folder = tmp_path / "job"
    folder.mkdir()
    work.register(values(checkpoint, folder), Progress(folder / "progress.json"))
    made = folder / "model" / "model.safetensors"
    assert made.read_bytes() == (Path(checkpoint.path) / "model.safetensors").read_bytes()


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "tokenizer.json"])
def test_a_changed_byte_is_found_wherever_it_is(checkpoint, name):
    path = Path(checkpoint.path) / name
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    version = registered(checkpoint)
    assert version.state == VersionState.FAILED
    assert version.job.problem == {"code": "checkpoint_changed", "values": {"file": name}}
    assert not version.folder.exists()
    assert jobs_folder() == []


def test_another_manifest_than_the_one_that_was_told_is_refused(checkpoint):
    """Also one that fits its files: somebody has put another model there."""
    folder = Path(checkpoint.path)
    (folder / "tokenizer.json").write_text("{ }")
    manifest.write(folder, step=20, val_loss=2.5)
    version = registered(checkpoint)
    assert version.job.problem["values"] == {"file": "manifest.json"}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "checkpoint_changed"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "checkpoint_changed"),
        (shutil.rmtree, "checkpoint_missing"),
    ],
    ids=["a file is missing", "the manifest is broken", "all is gone"],
)
def test_what_is_missing_is_said(checkpoint, spoil, code):
    spoil(Path(checkpoint.path))
    version = registered(checkpoint)
    assert (version.state, version.job.problem["code"]) == (VersionState.FAILED, code)


def test_a_link_in_the_place_of_a_file_is_not_followed(checkpoint, tmp_path):
    path = Path(checkpoint.path) / "config.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    assert registered(checkpoint).job.problem["code"] == "checkpoint_changed"


def test_a_manifest_leads_nowhere_else(checkpoint, tmp_path):
    (tmp_path / "secret").write_text("x")
    place = Path(checkpoint.path) / "manifest.json"
    listed = json.loads(place.read_text())
    listed["files"]["../secret"] = {"bytes": 1, "sha256": manifest.file_hash(tmp_path / "secret")}
    place.write_text(json.dumps(listed))
    checkpoint.manifest_sha256 = manifest.file_hash(place)
    checkpoint.save()
    version = registered(checkpoint)
    assert version.job.problem["values"]["file"] == "../secret"


def test_a_checkpoint_without_a_model_is_refused(run, tmp_path):
    folder = tmp_path / "step-5"
    folder.mkdir()
    (folder / "rng.pt").write_bytes(b"x")
    manifest.write(folder, step=5, val_loss=None)
    version = registered(make_checkpoint(run, tmp_path, 5))
    assert version.job.problem["code"] == "not_a_model"


def test_what_failed_can_be_tried_again(checkpoint):
    path = Path(checkpoint.path) / "tokenizer.json"
    path.write_text("{ }")
    version = registered(checkpoint)
    path.write_text("{}")
    registering.again(version, None)
    run_jobs()
    version.refresh_from_db()
    assert version.state == VersionState.READY
    assert ModelVersion.objects.count() == 1


def test_the_rotation_leaves_the_checkpoint_alone_until_it_is_copied(checkpoint):
    registering.register(checkpoint, None)
    checkpoint.refresh_from_db()
    assert checkpoint.pinned
    run_jobs()
    checkpoint.refresh_from_db()
    assert not checkpoint.pinned


def test_what_a_person_pinned_stays_pinned(checkpoint):
    Checkpoint.objects.update(pinned=True)
    checkpoint.refresh_from_db()
    registered(checkpoint)
    checkpoint.refresh_from_db()
    assert checkpoint.pinned


def test_a_cancelled_job_leaves_a_failed_version_and_no_pin(checkpoint):
    version = registering.register(checkpoint, None)
    lifecycle.cancel(version.job)
    version.refresh_from_db()
    checkpoint.refresh_from_db()
    assert version.state == VersionState.FAILED
    assert not checkpoint.pinned


def test_pressing_twice_registers_once(checkpoint):
    first = registering.register_here(checkpoint, None)
    assert registering.register_here(checkpoint, None) == first
    assert Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_pressing_twice_at_once_registers_once(tmp_path):
    run = make_run(make_project(), State.SUCCEEDED)
    checkpoint = make_checkpoint(run, tmp_path)
    start, errors = threading.Barrier(2), []

    def press():
        start.wait()
        try:
            registering.register_here(checkpoint, None)
        except Exception as error:  # noqa: BLE001
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ModelVersion.objects.count() == 1


def test_the_next_checkpoint_of_a_run_is_the_next_version(run, checkpoint, tmp_path):
    first = registering.register_here(checkpoint, None)
    second = registering.register_here(make_checkpoint(run, tmp_path, 40), None)
    assert second.model == first.model
    assert second.number == 2


def test_another_run_makes_a_model_of_its_own_under_a_name_that_is_free(atlas, tmp_path):
    names = []
    for number in (1, 2, 3):
        run = make_run(atlas, State.SUCCEEDED, name="Small GPT-2")
        checkpoint = make_checkpoint(run, tmp_path / str(number))
        names.append(str(registering.register_here(checkpoint, None).model))
    assert names == ["Small GPT-2", "Small GPT-2 2", "Small GPT-2 3"]
    assert Model.objects.values_list("slug").distinct().count() == 3


def test_a_name_need_not_be_given(atlas, checkpoint):
    Model.objects.create(project=atlas, name="Small GPT-2", slug="small-gpt-2")
    assert str(registering.register(checkpoint, None).model) == "Small GPT-2 2"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("taken", "There is a model of this name"),
        ("TAKEN ", "There is a model of this name"),
        ("a\0b", "cannot be stored"),
        ("x" * 121, "At most 120 characters"),
    ],
)
def test_a_name_that_cannot_be_had_is_refused(atlas, checkpoint, name, reason):
    Model.objects.create(project=atlas, name="taken", slug="taken")
    with pytest.raises(Refused, match=reason) as refusal:
        registering.register(checkpoint, None, name=name)
    assert list(refusal.value.errors) == ["name"]
    assert not ModelVersion.objects.exists()


@pytest.mark.parametrize("name", ["new", "模型", "New", "---", "é" * 120])
def test_every_name_gets_an_address(atlas, checkpoint, name):
    model = registering.register(checkpoint, None, name=name).model
    assert model.name == name
    assert model.slug
    assert model.slug != "new"


def test_a_checkpoint_that_is_not_kept_is_refused(run, checkpoint):
    Run.objects.filter(pk=run.pk).update(trashed_at=run.created_at)
    with pytest.raises(Refused, match="lies in the trash"):
        registering.register(checkpoint, None)
    Run.objects.filter(pk=run.pk).update(trashed_at=None)
    checkpoint.removed_at = run.created_at
    with pytest.raises(Refused, match="not kept any more"):
        registering.register(checkpoint, None)


def test_a_deleted_number_is_not_given_again(run, checkpoint, tmp_path):
    registered(checkpoint)
    second = registered(make_checkpoint(run, tmp_path, 40), model=Model.objects.get())
    registering.delete(second)
    third = registered(make_checkpoint(run, tmp_path, 60), model=Model.objects.get())
    assert third.number == 3


def test_deleting_takes_the_files_and_the_last_version_the_model(
    checkpoint, django_capture_on_commit_callbacks
):
    version = registered(checkpoint)
    with django_capture_on_commit_callbacks(execute=True):
        registering.delete(version)
    assert not version.folder.exists()
    assert not Model.objects.exists()


def test_deleting_while_it_is_registered_ends_the_job(checkpoint):
    version = registering.register(checkpoint, None)
    registering.delete(version)
    assert Job.objects.get().state == Job.State.CANCELLED
    checkpoint.refresh_from_db()
    assert not checkpoint.pinned


def test_what_was_promoted_stays(checkpoint):
    version = registered(checkpoint)
    ModelVersion.objects.update(stage=Stage.PRODUCTION)
    with pytest.raises(Refused, match="it was promoted"):
        registering.delete(version)


def test_a_run_that_models_come_from_is_kept(run, checkpoint, alice):
    registered(checkpoint)
    Run.objects.update(trashed_at="2020-01-01T00:00Z")
    outcome = organise.delete(alice, Run.objects.all())
    assert outcome.changed == []
    [reason] = outcome.reasons
    assert reason.startswith("1 is kept because other runs or models come from it")
    assert organise.empty_trash() == 0
    assert Run.objects.filter(pk=run.pk).exists()


def test_a_full_disk_is_said_and_leaves_nothing(checkpoint, tmp_path):
    """A real one of 64 KiB, which takes no links from another: the copy does not fit."""
    folder = Path(checkpoint.path)
    (folder / "more.json").write_bytes(b"x" * 100_000)
    manifest.write(folder, step=20, val_loss=None)
    checkpoint.manifest_sha256 = manifest.digest(folder)
    disk = tmp_path / "disk"
    disk.mkdir()
    job = json.dumps(values(checkpoint, disk) | {"memory_bytes": 2**31})
    script = f"""mount -t tmpfs -o size=64k tmpfs {disk} || exit 77
        echo '{job}' > {disk}/job.json
        {sys.executable} -m workers.models.register {disk} && ls {disk} && cat {disk}/result.json"""
    watched, watching = os.pipe()
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=ROOT, stdin=watched, capture_output=True, text=True, check=False,
    )  # fmt: skip
    os.close(watched)
    os.close(watching)
    if done.returncode in {1, 77} and "unshare" in done.stderr + done.stdout:
        pytest.skip("this machine does not let a test mount a disk")
    assert done.returncode == 0, done.stderr
    assert "disk_full" in done.stdout
    assert done.stdout.split()[:3] == ["job.json", "progress.json", "result.json"]


def test_the_work_refuses_what_it_cannot_do_in_words(tmp_path):
    with pytest.raises(Problem, match="not on this machine"):
        work.files_of(tmp_path / "nowhere", "")
