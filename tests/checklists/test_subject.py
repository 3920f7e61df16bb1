"""What a checklist is about: equal subjects have equal hashes, and each change is told by path."""

from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.checklists import subject
from llmhub.checklists.subject import Change
from llmhub.datasets.models import Dataset, DatasetVersion, MixPart
from llmhub.registry import lineage
from llmhub.runs.models import Checkpoint, Run, RunInput, Worker
from llmhub.runs.states import State
from tests.factories import (
    make_attempt,
    make_dataset_version,
    make_mix,
    make_model_version,
    make_run,
)
from tests.runs.alignment import SPECS

pytestmark = pytest.mark.django_db
PARTS = {"recipe", "data", "base_model", "licence", "code", "environment", "target"}


def hashes(run):
    return subject.hashes(subject.of_run(run))


def changed(before, run):
    after = hashes(run)
    return {part for part in after if before[part] != after[part]}


def make_worker(name="node-1", **fields):
    values = {
        "devices": [{"kind": "cuda", "name": "H100", "memory_bytes": 2**36}],
        "versions": {"python": "3.11.9", "torch": "2.13.0", "llmhub": "abc123"},
    }
    return Worker.objects.create(name=name, **(values | fields))


def test_a_run_consists_of_parts_that_follow_what_they_are(waiting):
    before = hashes(waiting)
    assert set(before) == PARTS
    assert all(len(value) == 64 for value in before.values())
    Run.objects.filter(pk=waiting.pk).update(name="Renamed", notes="x", tags=["a"])
    assert changed(before, waiting) == set()
    Run.objects.filter(pk=waiting.pk).update(scale="full")
    assert changed(before, waiting) == {"recipe"}


def test_it_is_read_from_the_database_and_not_from_what_somebody_holds(waiting):
    before = hashes(waiting)
    waiting.config["training"]["seed"] = 5
    assert changed(before, waiting) == set()
    waiting.save()
    assert changed(before, waiting) == {"recipe"}


def test_data_are_their_versions_and_files(waiting, atlas):
    before = hashes(waiting)
    [version] = subject.of_run(waiting)["data"]["versions"]
    assert version["sha256"] == waiting.dataset_version.sha256
    assert version["files"] == [waiting.dataset_version.files.get().sha256]
    other = make_dataset_version(atlas, "Other text. " * 400)
    Run.objects.filter(pk=waiting.pk).update(dataset_version=other)
    assert changed(before, waiting) == {"data", "licence"}
    DatasetVersion.objects.filter(pk=other.pk).update(rows=7)
    waiting.refresh_from_db()
    assert subject.of_run(waiting)["data"]["versions"][0]["slug"] == other.dataset.slug


def test_of_a_mix_the_weights_count(atlas, ada):
    parts = {name: make_dataset_version(atlas) for name in ("web", "books")}
    mix = make_mix(atlas, parts)
    run = make_run(atlas, State.AWAITING_SIGN_OFF, dataset_version=None, mix_version=mix)
    before = hashes(run)
    slots = [(one["slot"], one["weight"]) for one in subject.of_run(run)["data"]["versions"]]
    assert slots == [("web", 0.5), ("books", 0.5)]
    MixPart.objects.filter(slot="web").update(weight=0.25)
    assert changed(before, run) == {"data"}


def make_tuned(project, reference, **fields):
    spec = {**SPECS["sft"], "model": {"base_model": reference}}
    return make_run(project, State.AWAITING_SIGN_OFF, spec=spec, **fields)


def make_checkpoint(run, sha256="ab" * 32, step=5):
    attempt, _secret = make_attempt(run, None)
    return Checkpoint.objects.create(
        run=run, attempt=attempt, step=step, path="/c", bytes=1, manifest_sha256=sha256
    )


def test_a_base_model_is_what_the_checkpoint_is(atlas):
    source = make_run(atlas, State.SUCCEEDED)
    checkpoint = make_checkpoint(source)
    run = make_tuned(atlas, f"run:{source.pk}")
    RunInput.objects.create(run=run, role="model.base_model", source=source, checkpoint=checkpoint)
    assert subject.of_run(run)["base_model"] == {
        "model.base_model": {"reference": f"run:{source.pk}/step-5", "manifest": "ab" * 32}
    }
    before = hashes(run)
    Checkpoint.objects.update(manifest_sha256="cd" * 32)
    assert changed(before, run) == {"base_model"}


def test_a_folder_is_what_its_files_are(atlas, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 2**21)
    run = make_tuned(atlas, f"folder:{tmp_path}")
    before = hashes(run)
    (tmp_path / "config.json").write_text('{"a": 1}')
    assert changed(before, run) == {"base_model"}
    before = hashes(run)
    (tmp_path / "model.safetensors").write_bytes(b"\0" * (2**21 + 1))
    assert changed(before, run) == {"base_model"}


def test_a_model_that_is_not_here_is_known_by_its_name(atlas):
    found = subject.of_run(make_tuned(atlas, "owner/name"))["base_model"]
    assert found == {"model.base_model": {"reference": "owner/name", "manifest": None}}


def test_what_goes_on_from_a_checkpoint_says_so(atlas, waiting):
    checkpoint = make_checkpoint(make_run(atlas, State.SUCCEEDED))
    before = hashes(waiting)
    RunInput.objects.create(
        run=waiting, role=RunInput.RESUME, source=checkpoint.run, step=5, checkpoint=checkpoint
    )
    # The data of that run count for the licence.
    assert changed(before, waiting) == {"base_model", "licence"}


def test_a_licence_that_changes_is_a_part_of_its_own(waiting):
    before = hashes(waiting)
    Dataset.objects.update(licence="MIT")
    assert changed(before, waiting) == {"licence"}
    [licence] = subject.of_run(waiting)["licence"]["data"].values()
    assert licence == "MIT"


def test_code_environment_and_target_are_those_of_the_workers(waiting):
    worker = make_worker()
    before = hashes(waiting)
    assert subject.of_run(waiting)["code"] == {"commits": ["abc123"], "is_dirty": False}
    assert subject.of_run(waiting)["target"] == {
        "devices": ["cuda: H100"],
        "processes": 1,
        "strategy": "ddp",
    }
    Worker.objects.update(versions=worker.versions | {"llmhub": "abc123+"})
    assert changed(before, waiting) == {"code"}
    Worker.objects.update(versions=worker.versions | {"torch": "2.14.0"})
    assert changed(before, waiting) == {"environment"}
    Worker.objects.update(versions=worker.versions)
    # One more of the same kind changes nothing.
    make_worker("node-2")
    assert changed(before, waiting) == set()
    make_worker("node-3", devices=[{"kind": "cpu", "name": "Xeon", "memory_bytes": 1}])
    assert changed(before, waiting) == {"target"}


def test_a_worker_that_is_silent_for_a_while_still_counts(waiting, settings):
    make_worker()
    before = hashes(waiting)
    Worker.objects.update(last_seen_at=timezone.now() - timedelta(days=40))
    assert changed(before, waiting) == set()


def test_a_version_is_its_weights_its_licence_and_what_it_comes_from(atlas, ada):
    run = make_run(atlas, State.SUCCEEDED, created_by=ada)
    checkpoint = make_checkpoint(run)
    version = make_model_version(
        run,
        files=[{"name": "model.safetensors", "bytes": 1, "sha256": "ef" * 32}],
        licence="MIT",
        lineage=lineage.collected(run, checkpoint),
    )
    found = subject.of_version(version)
    assert found["weights"]["files"] == {"model.safetensors": "ef" * 32}
    assert found["licence"] == {"licence": "MIT"}
    [data] = found["data"]["versions"]
    assert data["sha256"] == run.dataset_version.sha256
    before = subject.hashes(found)
    run.dataset_version.dataset.name = "Renamed"
    run.dataset_version.dataset.save()
    assert subject.hashes(subject.of_version(version)) == before


def test_what_differs_is_told_by_its_path():
    old = {"recipe": {"config": {"lr": 1, "steps": 5, "gone": True}, "list": [1, 2]}}
    new = {"recipe": {"config": {"lr": 1.0, "steps": 6}, "list": [1, 3, 4]}}
    assert subject.diff(old, new) == [
        Change("recipe.config.lr", 1, 1.0),
        Change("recipe.config.steps", 5, 6),
        Change("recipe.config.gone", True, None),
        Change("recipe.list.1", 2, 3),
        Change("recipe.list.2", None, 4),
    ]
    assert subject.diff(old, old) == []
    assert subject.diff({"data": {}}, {"data": {"a": 1}}) == [
        Change("data", {}, None),
        Change("data.a", None, 1),
    ]
