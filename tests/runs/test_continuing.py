"""Going on from a checkpoint in a new run."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmhub.lib.rundir import AttemptDir
from llmhub.recipes import specs
from llmhub.runs import checkpoints, continuing, launch
from llmhub.runs.models import Run, RunInput, Worker
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import State
from tests.factories import SMOKE_SPEC, make_attempt, make_dataset_version, make_recipe_version
from tests.runs.alignment import recipe, rows, trained
from workers.launcher import resume_point


@pytest.fixture
def parent(atlas, tmp_path: Path) -> Run:
    version = make_recipe_version()
    return trained(atlas, 10, 20, recipe_version=version, overrides={}, folder=tmp_path, step=20)


@pytest.fixture
def wish(alice, atlas, parent) -> dict:
    return {
        "user": alice,
        "project": atlas,
        "recipe_version": parent.recipe_version,
        "scale": "full",
        "overrides": {},
        "data": parent.data,
        "parent": parent,
        "checkpoint": parent.checkpoints.get(step=10),
    }


def refusal(**wish) -> dict[str, list[str]]:
    with pytest.raises(LaunchRefused) as caught:
        launch.launch(**wish)
    return caught.value.errors


def test_it_goes_on_at_the_step_of_the_checkpoint(wish, parent, worker, tmp_path: Path):
    run = launch.launch(**wish | {"overrides": {"training.learning_rate": 1e-4}})

    (edge,) = run.inputs.all()
    assert (edge.role, edge.source, edge.step) == (RunInput.RESUME, parent, 10)
    assert (run.parent, run.step) == (parent, 10)
    attempt, _ = make_attempt(run, worker=worker)
    place = AttemptDir.of(tmp_path / "hub", run.pk, 1)
    assert resume_point(attempt, place) == tmp_path / str(parent.pk) / "step-10"
    attempt.refresh_from_db()
    assert attempt.resumed_from_step == 10


@pytest.mark.parametrize("name", ["model.n_layer", "data.validation_share"])
def test_another_model_or_other_reading_of_the_data_would_be_another_training(wish, name):
    value = {"model.n_layer": 3, "data.validation_share": 0.2}[name]
    assert refusal(**wish | {"overrides": {name: value}}).keys() == {name}


def test_other_data_are_refused(wish, atlas):
    assert refusal(**wish | {"data": make_dataset_version(atlas, slug="other")}).keys() == {
        "dataset"
    }


def test_there_must_be_steps_left(wish):
    assert refusal(**wish | {"overrides": {"training.max_steps": 10}}).keys() == {
        "training.max_steps"
    }


class TestEpochs:
    """The rows say how many steps there are, and the trainer has counted them."""

    @pytest.fixture
    def wish(self, wish, atlas) -> dict:
        version = recipe("sft")
        spec = specs.override(version.typed(), {"training.max_steps": None, "training.epochs": 2})
        overrides = {"training.max_steps": None, "training.epochs": 2}
        parent = trained(
            atlas,
            50,
            spec=specs.dump(spec),
            recipe_version=version,
            overrides=overrides,
            dataset_version=rows(atlas, "sft"),
            total_steps=50,
        )
        return wish | {
            "recipe_version": version,
            "overrides": overrides,
            "data": parent.data,
            "checkpoint": parent.checkpoints.get(),
        }

    def test_there_must_be_some_left(self, wish):
        assert "end of these epochs" in refusal(**wish)["training.epochs"][0]
        slower = wish["overrides"] | {"training.learning_rate": 1e-5}
        assert refusal(**wish | {"overrides": slower}).keys() == {"training.epochs"}

    def test_more_steps_at_most_are_no_further_epochs(self, wish):
        longer = wish["overrides"] | {"training.max_steps": 90}
        assert refusal(**wish | {"overrides": longer}).keys() == {"training.epochs"}

    def test_a_form_suggests_as_many_again(self, wish):
        assert continuing.as_many_again(wish["checkpoint"]) == {"training.epochs": 4}

    def test_before_their_end_a_form_suggests_no_more(self, wish):
        wish["checkpoint"].step = 49
        assert continuing.as_many_again(wish["checkpoint"]) == {}

    @pytest.mark.parametrize(
        "more", [{"training.epochs": 3}, {"training.batch_size": 4, "training.micro_batch_size": 4}]
    )
    def test_more_of_them_go_on(self, wish, more):
        assert launch.launch(**wish | {"overrides": wish["overrides"] | more}).step == 50


def test_a_checkpoint_that_is_gone_is_refused(wish, parent):
    parent.checkpoints.update(removed_at=parent.created_at)
    wish["checkpoint"] = parent.checkpoints.get(step=10)
    assert "not kept" in refusal(**wish)[""][0]


def test_a_checkpoint_that_somebody_deleted_is_refused(wish, settings):
    checkpoint = wish["checkpoint"]
    checkpoint.attempt.worker = Worker.objects.create(name=settings.HUB_NODE)
    checkpoint.attempt.save()
    Path(checkpoint.path).rmdir()
    assert "was deleted" in refusal(**wish)[""][0]
    checkpoint.refresh_from_db()
    assert checkpoint.removed_at is not None


def test_the_same_key_gives_the_run_although_the_checkpoint_has_gone_since(wish, parent):
    run = launch.launch(**wish, idempotency_key="k")
    parent.checkpoints.update(removed_at=parent.created_at)
    wish["checkpoint"] = parent.checkpoints.get(step=10)
    assert launch.launch(**wish, idempotency_key="k") == run


def test_the_run_of_the_checkpoint_is_the_parent_whoever_is_named(wish, parent):
    assert launch.launch(**wish | {"parent": None}).parent == parent


def test_the_same_key_tells_a_fork_from_a_launch(wish):
    run = launch.launch(**wish, idempotency_key="k")
    assert launch.launch(**wish, idempotency_key="k") == run
    with pytest.raises(LaunchRefused, match="already launched"):
        launch.launch(**wish | {"checkpoint": None}, idempotency_key="k")


class TestPins:
    def test_what_a_person_pins_and_what_runs_start_from_stays(self, wish, parent):
        assert checkpoints.pinned_steps(parent) == []
        checkpoints.pin(parent.checkpoints.get(step=20), pinned=True)
        run = launch.launch(**wish)
        assert checkpoints.pinned_steps(parent) == [10, 20]
        run.state = State.STOPPED
        run.save()
        checkpoints.pin(parent.checkpoints.get(step=20), pinned=False)
        assert checkpoints.pinned_steps(parent) == []

    def test_what_is_gone_cannot_be_pinned(self, parent):
        gone = parent.checkpoints.get(step=10)
        parent.checkpoints.update(removed_at=parent.created_at)
        assert not checkpoints.pin(gone, pinned=True)


def test_an_older_config_counts_as_what_it_means(wish, parent):
    """Fields that came later stand at their defaults."""
    config = specs.dump(specs.parse(SMOKE_SPEC))
    del config["samples"], config["data"]["tokenizer_from"]
    wish["checkpoint"].run.config = config
    assert launch.launch(**wish)
