from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmhub.lib import manifest
from llmhub.recipes.specs import Runtime
from tests.training.models.conftest import CPU, Written
from tests.training.models.hub import serve
from workers.training.errors import BadCheckpoint, BadConfig
from workers.training.models import files, load, tiny
from workers.training.models.files import ModelFiles


def model(reference: str, path: Path | None = None, sha256: str | None = None) -> ModelFiles:
    """As a job names it."""
    kind = reference.partition(":")[0] if ":" in reference else "hub"
    values: dict[str, Any] = {"reference": reference, "kind": kind, "sha256": sha256}
    return ModelFiles.parse({**values, "path": str(path) if path else None})


@pytest.fixture
def checkpoint(written: Written) -> Path:
    place = written("llama", name="step-400")
    manifest.write(place, step=400, val_loss=None)
    return place


def test_a_checkpoint_is_the_folder_that_the_hub_names(checkpoint: Path, tmp_path: Path):
    named = model("run:12/step-400", checkpoint, manifest.digest(checkpoint))

    assert files.folder(named, tmp_path) == checkpoint


def test_a_checkpoint_that_is_elsewhere_is_named(tmp_path: Path):
    gone = model("run:12/step-400", tmp_path / "step-400", "0" * 64)

    with pytest.raises(BadConfig, match="step-400 of run 12 is not on this machine"):
        files.folder(gone, tmp_path)


def test_a_damaged_checkpoint_is_refused(checkpoint: Path, tmp_path: Path):
    sha256 = manifest.digest(checkpoint)
    with (checkpoint / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")

    with pytest.raises(BadCheckpoint, match=r"run 12 is damaged: .*model\.safetensors has changed"):
        files.folder(model("run:12/step-400", checkpoint, sha256), tmp_path)


def test_another_checkpoint_under_the_same_name_is_refused(checkpoint: Path, tmp_path: Path):
    with pytest.raises(BadCheckpoint, match="is not the one chosen"):
        files.folder(model("run:12/step-400", checkpoint, "0" * 64), tmp_path)


def test_a_folder_is_taken_as_it_is(written: Written, tmp_path: Path):
    place = written("gpt2")

    assert files.folder(model(f"folder:{place}", place), tmp_path) == place


def test_a_folder_without_a_config_is_no_model(tmp_path: Path):
    with pytest.raises(BadConfig, match=r"has no config\.json"):
        files.folder(model(f"folder:{tmp_path}", tmp_path), tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickles_are_refused(name: str, written: Written, tmp_path: Path):
    place = written("gpt2")
    (place / "model.safetensors").rename(place / name)

    with pytest.raises(BadConfig, match=r"can run code .* convert them to safetensors"):
        files.folder(model(f"folder:{place}", place), tmp_path)


def test_a_folder_without_weights_is_refused(written: Written, tmp_path: Path):
    place = written("gpt2")
    (place / "model.safetensors").unlink()

    with pytest.raises(BadConfig, match="no weights in a"):
        files.folder(model(f"folder:{place}", place), tmp_path)


def test_a_name_that_is_no_reference_is_refused():
    with pytest.raises(BadConfig, match="“llama-2-7b-sft” names no model"):
        model("llama-2-7b-sft")


def test_the_tiny_model_loads_and_reads_chatml(tmp_path: Path):
    place = files.folder(model("demo:tiny"), tmp_path)
    made, tokenizer = (
        AutoModelForCausalLM.from_pretrained(place),
        AutoTokenizer.from_pretrained(place),
    )

    assert 800_000 < made.num_parameters() < 1_200_000
    assert load.context_of(made) == 512
    turns = [{"role": "user", "content": "Grüß dich"}]
    ids: Any = tokenizer.apply_chat_template(turns, add_generation_prompt=True)
    ids = ids["input_ids"]
    assert tokenizer.decode(ids) == (
        "<|im_start|>user\nGrüß dich<|im_end|>\n<|im_start|>assistant\n"
    )
    assert ids[:2] == [257, ord("u")]
    assert load.tokenizer_of(place).end_of_text == made.config.eos_token_id == 256


def test_the_tiny_model_is_the_same_everywhere_and_draws_nothing(tmp_path: Path, draws):
    torch.manual_seed(3)
    expected = torch.rand(())
    torch.manual_seed(3)
    first, second = tmp_path / "a", tmp_path / "b"
    tiny.provide(first)
    assert torch.rand(()) == expected
    tiny.provide(second)

    assert {path.name: manifest.file_hash(path) for path in first.iterdir()} == {
        path.name: manifest.file_hash(path) for path in second.iterdir()
    }


def test_the_tiny_model_is_made_once_by_those_who_ask_at_once(tmp_path: Path):
    found: list[Path] = []
    askers = [
        threading.Thread(target=lambda: found.append(files.folder(model("demo:tiny"), tmp_path)))
        for _ in range(3)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()

    assert found == [tmp_path / "tiny"] * 3
    assert load.causal_lm(found[0], Runtime(), "sdpa", CPU)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["tiny"]


def test_what_a_killed_maker_left_does_not_count(tmp_path: Path):
    (tmp_path / ".tiny.unfinished").mkdir()
    (tmp_path / ".tiny.unfinished" / "rubbish").touch()
    place = files.folder(model("demo:tiny"), tmp_path)

    assert "rubbish" not in {path.name for path in place.iterdir()}


def test_a_demo_model_that_is_not_installed_says_how(tmp_path: Path):
    with pytest.raises(BadConfig, match="run `make models` on this machine"):
        files.folder(model("demo:smollm2-135m"), tmp_path)


def test_an_installed_demo_model_is_found(written: Written, tmp_path: Path):
    shutil.move(written("llama"), tmp_path / "smollm2-135m")

    assert files.folder(model("demo:smollm2-135m"), tmp_path) == tmp_path / "smollm2-135m"


def test_an_unknown_demo_model_is_refused(tmp_path: Path):
    with pytest.raises(BadConfig, match="no demo model “huge”"):
        files.folder(model("demo:huge"), tmp_path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """What the Hugging Face hub has, as a folder of folders."""
    folder = tmp_path / "served"
    folder.mkdir()
    with serve(folder) as address:
        monkeypatch.setattr(files, "ENDPOINT", address)
        yield folder


def test_a_model_of_the_hub_is_downloaded_once_and_without_pickles(
    hub: Path, written: Written, tmp_path: Path
):
    shutil.copytree(written("gpt2"), hub / "some" / "model")
    (hub / "some" / "model" / "training_args.bin").write_bytes(b"pickle")
    (hub / "some" / "model" / "modeling.py").write_text("raise SystemExit")
    place = files.folder(model("some/model"), tmp_path / "cache")

    names = {path.name for path in place.iterdir() if not path.name.startswith(".")}
    assert "model.safetensors" in names
    assert not names & {"training_args.bin", "modeling.py"}
    assert load.causal_lm(place, Runtime(), "sdpa", CPU)

    shutil.rmtree(hub / "some")
    assert files.folder(model("some/model"), tmp_path / "cache") == place


def test_a_model_that_the_hub_does_not_have_is_named(hub: Path, tmp_path: Path):
    with pytest.raises(BadConfig, match=r"some/model could not be downloaded .* does not exist"):
        files.folder(model("some/model"), tmp_path)
    assert not (tmp_path / "hub" / "some--model").exists()


def test_a_hub_that_cannot_be_reached_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(files, "ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(BadConfig, match=r"some/model could not be downloaded .* network is down"):
        files.folder(model("some/model"), tmp_path)


def test_pickles_of_the_hub_are_refused(hub: Path, tmp_path: Path):
    served = hub / "some" / "model"
    served.mkdir(parents=True)
    (served / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    (served / "pytorch_model.bin").write_bytes(b"pickle")

    with pytest.raises(BadConfig, match=r"some/model has no weights in a \*\.safetensors file"):
        files.folder(model("some/model"), tmp_path / "cache")
