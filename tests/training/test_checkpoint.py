from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmhub.lib import manifest, model_reference
from tests.training import small
from tests.training.small import Place, Recorder
from workers.data.tokens import tokenizer as tokenizers
from workers.training import models, optimizer, setup
from workers.training.checkpoint import Checkpoints, Parts, load, newest_intact
from workers.training.errors import BadCheckpoint
from workers.training.models.files import ModelFiles
from workers.training.models.load import tokenizer_of
from workers.training.models.trained import Trained
from workers.training.progress import Progress
from workers.training.tokenizer import for_transformers
from workers.training.world import World


def damage(checkpoint: Path, name: str = "optimizer.safetensors") -> None:
    """One bit."""
    content = bytearray((checkpoint / name).read_bytes())
    content[len(content) // 2] ^= 1
    (checkpoint / name).write_bytes(content)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_transformers_loads_what_was_trained(architecture: str, place: Place):
    trainer = place.trainer(small.spec(architecture), Recorder())
    trainer.train()
    tokens = torch.arange(16)[None]

    loaded = AutoModelForCausalLM.from_pretrained(place.checkpoints / "step-6")
    reader = AutoTokenizer.from_pretrained(place.checkpoints / "step-6")

    trained = trainer.model.eval()
    assert torch.equal(loaded(input_ids=tokens).logits, trained(input_ids=tokens).logits)
    assert loaded.config.use_cache is True
    assert reader.eos_token_id == loaded.config.eos_token_id == 0
    text = place.text.path.read_text()[:200]
    assert reader.decode(reader(text)["input_ids"]) == text


def test_a_model_with_the_tokenizer_of_another_ends_texts_as_it(place: Place, tmp_path: Path):
    """“</s>”, and not token 0, which is a letter's there."""
    folder = tmp_path / "other"
    tokenizer = tokenizers.build("bpe", 290, (), [place.text.path.read_text()])
    tokenizer.add_special_tokens([AddedToken("</s>", special=True)])
    end = tokenizer.token_to_id("</s>")
    for_transformers(tokenizer, end).save_pretrained(folder)
    other = small.spec()
    models.build(other.model, other.runtime, torch.device("cpu")).save_pretrained(folder)
    spec = small.spec(data__tokenizer="pretrained", data__tokenizer_from=f"folder:{folder}")
    reference = model_reference.parse(f"folder:{folder}")
    job = replace(
        place.job(spec), models={"data.tokenizer_from": ModelFiles(reference, folder, None)}
    )

    setup.trainer(job, place.checkpoints, Progress(), recorder := Recorder()).train()

    made = place.checkpoints / "step-6"
    config = AutoModelForCausalLM.from_pretrained(made).config
    assert AutoTokenizer.from_pretrained(made).eos_token_id == config.eos_token_id == end
    assert tokenizer_of(made).end_of_text == end
    # A model that knows nothing needs ln 300 nats for a token, which has more characters than one.
    per_token, per_character = (
        recorder.series(name)[0] for name in ("val/loss", "val/nats_per_char")
    )
    assert per_character < per_token


def test_its_manifest_tells_the_validation_loss_of_its_step(place: Place):
    recorder = place.train(small.spec(training__max_steps=6))

    measured = recorder.series("val/loss")
    losses = {
        step: manifest.verify(path)["val_loss"]
        for step, path in manifest.steps(place.checkpoints).items()
    }
    assert losses == {3: None, 6: measured[6]}


@pytest.fixture
def parts(place: Place) -> Parts:
    """A model that was never trained, with its optimizer."""
    spec = small.spec()
    model = models.build(spec.model, spec.runtime, torch.device("cpu"))
    return Parts(
        spec=spec,
        data=[place.text.sha256],
        trained=Trained(model, model, save_tokenizer=lambda place: None),
        optimizer=optimizer.build(model, spec.training),
        progress=Progress(),
        world=World(),
    )


def save(checkpoints: Checkpoints, parts: Parts, losses: dict[int, float | None]) -> list[int]:
    """Saves at the given steps; the steps that are still there."""
    for step, loss in losses.items():
        parts.progress.step = step
        checkpoints.save(parts, loss)
    return list(manifest.steps(checkpoints.directory))


def test_the_newest_are_kept_and_the_best_besides(place: Place, parts: Parts):
    checkpoints = Checkpoints(place.checkpoints, keep=2)

    assert save(checkpoints, parts, {1: 5.0, 2: 3.0, 3: None, 4: 4.0, 5: 4.5}) == [2, 4, 5]


def test_a_course_that_was_given_up_goes_once_a_new_one_is_saved(place: Place, parts: Parts):
    checkpoints = Checkpoints(place.checkpoints, keep=3)
    save(checkpoints, parts, {2: 1.0, 4: 0.5, 6: 0.1})

    assert save(checkpoints, parts, {3: 2.0}) == [2, 3]


def test_the_same_step_is_written_over(place: Place, parts: Parts):
    checkpoints = Checkpoints(place.checkpoints, keep=3)
    save(checkpoints, parts, {2: None})
    damage(place.checkpoints / "step-2")

    assert save(checkpoints, parts, {2: None}) == [2]
    manifest.verify(place.checkpoints / "step-2")


def test_leftovers_of_a_killed_trainer_are_swept(place: Place, parts: Parts):
    (place.checkpoints / ".step-1.writing").mkdir(parents=True)
    (place.checkpoints / ".step-1.writing" / "half").touch()

    save(Checkpoints(place.checkpoints, keep=3), parts, {1: None})

    assert [path.name for path in place.checkpoints.iterdir()] == ["step-1"]


@pytest.mark.parametrize("name", ["optimizer.safetensors", "model.safetensors", "manifest.json"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    name: str, place: Place, parts: Parts
):
    save(Checkpoints(place.checkpoints, keep=3), parts, {1: None, 2: None, 3: None})
    damage(place.checkpoints / "step-3", name)
    lines: list[str] = []

    found = newest_intact(place.checkpoints / "step-3", lines.append)

    assert found == place.checkpoints / "step-2"
    assert len(lines) == 1
    assert "step-3" in lines[0]


def test_a_checkpoint_that_is_gone_is_passed_over_too(place: Place, parts: Parts):
    save(Checkpoints(place.checkpoints, keep=3), parts, {1: None})

    assert newest_intact(place.checkpoints / "step-9", print) == place.checkpoints / "step-1"


def test_where_none_is_intact_there_is_none(place: Place, parts: Parts):
    save(Checkpoints(place.checkpoints, keep=3), parts, {1: None})
    damage(place.checkpoints / "step-1")

    assert newest_intact(place.checkpoints / "step-1", lambda line: None) is None


def test_another_model_or_other_data_are_not_continued(place: Place, parts: Parts):
    save(Checkpoints(place.checkpoints, keep=3), parts, {1: None})
    wider = replace(parts, spec=small.spec(model__n_inner=32))
    elsewhere = replace(parts, data=["another text"])

    with pytest.raises(BadCheckpoint, match="another model"):
        load(place.checkpoints / "step-1", wider)
    with pytest.raises(BadCheckpoint, match="other data"):
        load(place.checkpoints / "step-1", elsewhere)


def test_loading_never_runs_code(place: Place, parts: Parts):
    """A pickle that calls a function is refused, whoever wrote it into the checkpoint."""
    save(Checkpoints(place.checkpoints, keep=3), parts, {1: None})
    torch.save([{"python": print}], place.checkpoints / "step-1" / "rng.pt")

    with pytest.raises(pickle.UnpicklingError, match="print"):
        load(place.checkpoints / "step-1", parts)


def test_pinned_ones_are_kept(place: Place, parts: Parts):
    pinned = place.root / "pinned.json"
    pinned.write_text("[1, 99]")
    checkpoints = Checkpoints(place.checkpoints, keep=1, pinned=pinned)

    assert save(checkpoints, parts, {1: None, 2: None, 3: None}) == [1, 3]
    pinned.write_text("not json")
    assert save(checkpoints, parts, {4: None}) == [4]


def test_one_of_another_release_says_so(place: Place, parts: Parts):
    save(Checkpoints(place.checkpoints, keep=3), parts, {1: None})
    state = place.checkpoints / "step-1" / "state.json"
    state.write_text(state.read_text().replace('"format": 2', '"format": 1'))

    with pytest.raises(BadCheckpoint, match="another release"):
        load(place.checkpoints / "step-1", parts)
