from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from llmhub.lib import manifest
from llmhub.recipes.specs import LoRA, Runtime
from tests.training.models.conftest import (
    ARCHITECTURES,
    CPU,
    Written,
    causal_lm,
    nudge,
    some_tokens,
)
from workers.training.errors import BadCheckpoint
from workers.training.models import export, load, lora
from workers.training.models.heads import PolicyValue
from workers.training.models.trained import Trained

RANKS = pytest.mark.parametrize("rank", [0, 4], ids=["whole", "lora"])


def policy_of(folder: Path, rank: int = 0, seed: int = 0) -> Trained:
    """A policy with a value head."""
    torch.manual_seed(seed)
    model = causal_lm(folder)
    exported = lora.add_adapters(model, LoRA(rank=rank)) if rank else model
    return Trained(
        module=PolicyValue(exported),
        exported=exported,
        save_tokenizer=lambda place: export.copy_tokenizer(folder, place),
    )


def learn(trained: Trained) -> None:
    nudge(p for p in trained.module.parameters() if p.requires_grad)
    trained.module.eval()


@ARCHITECTURES
@RANKS
def test_transformers_loads_what_was_exported(
    rank: int, architecture: str, written: Written, tmp_path: Path
):
    folder, tokens = written(architecture), some_tokens()
    trained = policy_of(folder, rank)
    learn(trained)
    trained.export(tmp_path / "out")

    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    expected = trained.exported(input_ids=tokens).logits
    torch.testing.assert_close(theirs(input_ids=tokens).logits, expected, rtol=1e-5, atol=1e-5)
    ours = load.causal_lm(tmp_path / "out", Runtime(), "sdpa", CPU).eval()
    assert torch.equal(ours(input_ids=tokens).logits, theirs(input_ids=tokens).logits)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
    }


@RANKS
def test_tied_weights_are_stored_once(rank: int, written: Written, tmp_path: Path):
    trained = policy_of(written("gpt2"), rank)
    learn(trained)
    trained.export(tmp_path)

    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        names = set(file.keys())
    assert "transformer.wte.weight" in names
    assert "lm_head.weight" not in names


def test_the_tokenizer_stays_what_it_was(written: Written, tmp_path: Path):
    folder = written("llama")
    policy_of(folder).export(tmp_path)

    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert manifest.file_hash(tmp_path / name) == manifest.file_hash(folder / name)
    assert AutoTokenizer.from_pretrained(tmp_path).eos_token == "<|endoftext|>"


@ARCHITECTURES
@RANKS
def test_export_and_extra_parameters_restore_everything(
    rank: int, architecture: str, written: Written, tmp_path: Path
):
    """Bit for bit, into a model whose heads and adapters were drawn differently."""
    folder, tokens = written(architecture), some_tokens()
    trained, other = policy_of(folder, rank), policy_of(folder, rank, seed=1)
    learn(trained)
    trained.export(tmp_path)

    other.restore(tmp_path)
    extra = trained.extra_parameters()
    assert other.extra_parameters().keys() == extra.keys()
    with torch.no_grad():
        for name, parameter in other.extra_parameters().items():
            parameter.copy_(extra[name])
    assert other.module.training
    mine, theirs = trained.module.state_dict(), other.module.state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert torch.equal(other.module.eval()(tokens)[0], trained.module(tokens)[0])


@RANKS
def test_extra_parameters_are_what_the_export_does_not_hold(rank: int, written: Written):
    names = policy_of(written("llama"), rank).extra_parameters().keys()

    assert {"head.weight", "head.bias"} <= names
    assert any("lora_A" in name for name in names) == bool(rank)
    assert all("lora_" in name or name.startswith("head.") for name in names)


def test_a_language_model_alone_has_no_extra_parameters(written: Written):
    model = causal_lm(written("gpt2"))

    assert Trained(model, model, lambda place: None).extra_parameters() == {}


@ARCHITECTURES
@RANKS
def test_a_reward_model_is_exported_with_its_head(
    rank: int, architecture: str, written: Written, tmp_path: Path
):
    scorer = load.scorer(written(architecture), Runtime(), "sdpa", CPU)
    exported = lora.add_adapters(scorer.classifier, LoRA(rank=rank)) if rank else scorer.classifier
    trained = Trained(scorer, exported, lambda place: None)
    learn(trained)
    trained.export(tmp_path)
    tokens = some_tokens()

    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert theirs.config.num_labels == 1
    again = load.scorer(tmp_path, Runtime(), "sdpa", CPU, is_trained=True).eval()
    for found in (again(tokens)[:, -1:], theirs(input_ids=tokens).logits):
        torch.testing.assert_close(found, scorer(tokens)[:, -1:], rtol=1e-5, atol=1e-5)


def test_gathered_tensors_are_exported_as_they_are(written: Written, tmp_path: Path):
    trained = policy_of(written("gpt2"))
    gathered = {name: tensor + 1 for name, tensor in trained.exported_state().items()}
    trained.export(tmp_path, gathered)

    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert all(torch.equal(file.get_tensor(name), gathered[name]) for name in file.keys())  # noqa: SIM118


def test_weights_that_do_not_fit_are_refused(written: Written, tmp_path: Path):
    trained = policy_of(written("gpt2"))
    before = {name: tensor.clone() for name, tensor in trained.exported_state().items()}
    wide = written("gpt2", name="wide", model__n_embd=32)

    for folder in (written("llama"), wide):
        with pytest.raises(BadCheckpoint, match="weights do not fit"):
            trained.restore(folder)
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        trained.restore(tmp_path)
    shutil.copyfile(wide / "config.json", tmp_path / "model.safetensors")
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        trained.restore(tmp_path)
    assert all(torch.equal(before[n], t) for n, t in trained.exported_state().items())
