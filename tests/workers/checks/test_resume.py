"""The drill with real trainers: killed and resumed it ends the same, and otherwise it is found."""

import json
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import load_file, save_file

from llmhub.lib import manifest
from llmhub.lib.problems import Problem
from llmhub.recipes import specs
from tests.training import small
from workers.checks import resume
from workers.data.progress import Progress


@pytest.fixture
def values(tmp_path):
    file = small.write_text(tmp_path / "words.txt")
    data = {
        "dataset": "words",
        "version": 1,
        "name": "words",
        "weight": 1.0,
        "sha256": file.sha256,
        "files": [asdict(file) | {"path": str(file.path)}],
        "reading": {"format": "text", "kind": "text", "columns": {}},
    }
    folder = tmp_path / "job"
    folder.mkdir()
    return {
        "folder": str(folder),
        "run_id": 1,
        "hub_url": "",
        "spec": specs.dump(small.spec()),
        "data": [data],
        "models": {},
        "models_cache": "",
        "token_cache": str(tmp_path / "tokens"),
        "steps": 6,
        "checkpoint_at": 3,
    }


def progress(values):
    return Progress(resume.Path(values["folder"]) / "progress.json")


@pytest.mark.faults
def test_killed_and_resumed_it_ends_the_same(values):
    found = resume.drill(values, progress(values))

    assert found["differ"] == []
    assert found["tensors"] > 50
    assert (found["checkpoint_at"], found["killed_at"]) == (3, 4)
    assert len(found["weights_sha256"]) == 64


def forget_momentum(checkpoint):
    """What a trainer would do that does not save its optimizer as it is."""
    path = checkpoint / "optimizer.safetensors"
    moments = {name: torch.zeros_like(tensor) for name, tensor in load_file(path).items()}
    steps = {name: tensor for name, tensor in load_file(path).items() if name.endswith("/step")}
    save_file(moments | steps, path)
    told = manifest.read(checkpoint)
    (checkpoint / manifest.NAME).unlink()
    manifest.write(checkpoint, step=told["step"], val_loss=told.get("val_loss"))


@pytest.mark.faults
def test_a_checkpoint_that_lacks_something_is_found(values):
    found = resume.drill(values, progress(values), after_crash=forget_momentum)

    assert found["differ"]
    assert any(one["name"].endswith("exp_avg") for one in found["differ"])
    assert any("/" not in one["name"] for one in found["differ"])
    assert found["differ"][0]["most"] > 0
    json.dumps(found, allow_nan=False)


@pytest.mark.faults
def test_a_checkpoint_that_cannot_be_read_begins_anew_and_is_found(values):
    def damage(checkpoint):
        (checkpoint / "model.safetensors").write_bytes(b"")

    with pytest.raises(Problem) as refusal:
        resume.drill(values, progress(values), after_crash=damage)
    assert refusal.value.code == "drill_not_resumed"


def test_a_training_that_cannot_begin_says_why(values):
    values["data"][0]["files"][0]["path"] = "/nowhere"
    with pytest.raises(Problem) as refusal:
        resume.drill(values, progress(values))
    assert refusal.value.code == "job_crashed"
    assert "words.txt" in str(refusal.value)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (torch.tensor([0.0]), torch.tensor([-0.0]), False),
        (torch.tensor([torch.nan]), torch.tensor([torch.nan]), True),
        (torch.tensor([1.0]), torch.tensor([1.0], dtype=torch.float64), False),
        (torch.tensor([1.0]), torch.tensor([1.0, 1.0]), False),
        (torch.tensor(3), torch.tensor(3), True),
    ],
)
def test_the_same_is_the_same_to_the_bit(one, other, is_same):
    assert resume.same(one, other) is is_same
