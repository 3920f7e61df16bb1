from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from llmhub.recipes.specs import Runtime
from tests.training.models.conftest import (
    ARCHITECTURES,
    CPU,
    Written,
    causal_lm,
    some_tokens,
)
from workers.training.errors import BadConfig
from workers.training.models import export, load
from workers.training.models.heads import Scorer


def scorer(folder: Path, *, is_trained: bool = False, **runtime: Any) -> Scorer:
    return load.scorer(folder, Runtime(**runtime), "sdpa", CPU, is_trained=is_trained)


def change_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@ARCHITECTURES
def test_a_model_is_what_transformers_loads(architecture: str, written: Written):
    folder = written(architecture)
    model, theirs = causal_lm(folder), AutoModelForCausalLM.from_pretrained(folder)
    tokens = some_tokens()

    assert model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model.eval()(input_ids=tokens).logits, theirs(input_ids=tokens).logits)


def test_weights_in_16_bits_are_trained_in_32(written: Written):
    folder = written("llama")
    state = load_file(folder / "model.safetensors")
    save_file(
        {name: tensor.bfloat16() for name, tensor in state.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    change_json(folder / "config.json", dtype="bfloat16")

    assert {p.dtype for p in causal_lm(folder).parameters()} == {torch.float32}


@ARCHITECTURES
def test_activation_checkpointing_changes_no_gradient(architecture: str, written: Written):
    folder = written(architecture)

    def gradients(checkpointing: bool):
        model = causal_lm(folder, activation_checkpointing=checkpointing)
        assert model.is_activation_checkpointing == checkpointing
        model(input_ids=some_tokens(), use_cache=False).logits.square().mean().backward()
        return [p.grad for p in model.parameters()]

    for plain, checkpointed in zip(gradients(False), gradients(True), strict=True):
        torch.testing.assert_close(plain, checkpointed)


def test_weights_of_another_architecture_are_refused(written: Written):
    folder = written("gpt2")
    shutil.copyfile(written("llama") / "model.safetensors", folder / "model.safetensors")

    with pytest.raises(BadConfig, match=r"weights .* are those of another architecture"):
        causal_lm(folder)


def test_weights_of_another_size_are_refused(written: Written):
    folder = written("gpt2")
    wide = written("gpt2", name="wide", model__n_embd=32)
    shutil.copyfile(wide / "model.safetensors", folder / "model.safetensors")

    with pytest.raises(BadConfig, match="missing or have another shape"):
        causal_lm(folder)


@pytest.mark.parametrize("architecture", ["t5", "nothing"])
def test_an_architecture_that_writes_no_text_is_refused(architecture: str, written: Written):
    folder = written("gpt2")
    (folder / "config.json").write_text(json.dumps({"model_type": architecture}))

    with pytest.raises(BadConfig, match=r"cannot be loaded: .*"):
        causal_lm(folder)


def test_code_that_comes_with_a_model_is_not_executed(written: Written, tmp_path: Path):
    folder, proof = written("gpt2"), tmp_path / "executed"
    (folder / "modeling.py").write_text(f"open({str(proof)!r}, 'w')\nclass Model: pass\n")
    change_json(
        folder / "config.json",
        model_type="own",
        auto_map={"AutoConfig": "modeling.Model", "AutoModelForCausalLM": "modeling.Model"},
    )

    with pytest.raises(BadConfig, match="cannot be loaded"):
        causal_lm(folder)
    assert not proof.exists()


def test_weights_that_are_rubbish_are_refused(written: Written):
    folder = written("gpt2")
    (folder / "model.safetensors").write_bytes(b"rubbish rubbish rubbish")

    with pytest.raises(BadConfig, match="cannot be loaded"):
        causal_lm(folder)


def test_a_generation_config_that_contradicts_itself_does_not_stop_the_export(
    written: Written, tmp_path: Path
):
    folder = written("gpt2")
    change_json(folder / "generation_config.json", do_sample=False, temperature=0.5, top_p=0.5)
    model = causal_lm(folder)

    export.write(model, export.state_of(model), tmp_path / "again")
    assert causal_lm(tmp_path / "again")


@ARCHITECTURES
def test_the_context_of_a_model_is_in_its_config(architecture: str, written: Written):
    assert load.context_of(causal_lm(written(architecture))) == 16


# Reward models


@ARCHITECTURES
def test_the_head_over_a_language_model_is_new_and_follows_the_seed(
    architecture: str, written: Written
):
    folder = written(architecture)

    def head(seed: int) -> Any:
        torch.manual_seed(seed)
        return scorer(folder).classifier.score.weight

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))
    assert 0 < head(1).abs().max() < 0.1


@ARCHITECTURES
def test_a_reward_model_keeps_its_head(architecture: str, written: Written, tmp_path: Path):
    made = scorer(written(architecture)).eval()
    export.write(made.classifier, export.state_of(made.classifier), tmp_path / "reward")
    tokens = some_tokens()

    again = scorer(tmp_path / "reward", is_trained=True).eval()
    assert torch.equal(again(tokens), made(tokens))


@ARCHITECTURES
def test_a_language_model_is_no_reward_model(architecture: str, written: Written):
    with pytest.raises(BadConfig, match="is not a reward model"):
        scorer(written(architecture), is_trained=True)


@ARCHITECTURES
def test_a_reward_model_is_no_language_model(architecture: str, written: Written, tmp_path: Path):
    made = scorer(written(architecture))
    export.write(made.classifier, export.state_of(made.classifier), tmp_path / "reward")

    with pytest.raises(BadConfig, match="is a reward model: it scores texts"):
        causal_lm(tmp_path / "reward")


def test_a_body_of_another_architecture_is_no_base_of_a_reward_model(written: Written):
    folder = written("gpt2")
    shutil.copyfile(written("llama") / "model.safetensors", folder / "model.safetensors")

    with pytest.raises(BadConfig, match="another architecture"):
        scorer(folder)


# Tokenizers


def test_the_tokenizer_of_a_model_says_how_texts_end(written: Written):
    found = load.tokenizer_of(written("gpt2"))

    assert found.path.name == "tokenizer.json"
    assert found.end_of_text == 256


def test_without_our_token_the_models_own_ends_texts(written: Written):
    folder = written("gpt2")
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace("<|endoftext|>", "</s>"))
    change_json(folder / "tokenizer_config.json", eos_token={"content": "</s>"})
    assert load.tokenizer_of(folder).end_of_text == 256

    change_json(folder / "tokenizer_config.json", eos_token=None)
    with pytest.raises(BadConfig, match="does not say which token ends a text"):
        load.tokenizer_of(folder)


def test_a_slow_tokenizer_is_refused(written: Written):
    folder = written("gpt2")
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")

    with pytest.raises(BadConfig, match="save its tokenizer again as a fast one"):
        load.tokenizer_of(folder)


def test_a_tokenizer_that_is_rubbish_is_refused(written: Written):
    folder = written("gpt2")
    (folder / "tokenizer.json").write_text("{}")

    with pytest.raises(BadConfig, match="cannot be read"):
        load.tokenizer_of(folder)


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(written: Written):
    folder = written("gpt2", model__vocab_size=258)

    with pytest.raises(BadConfig, match="has 259 tokens and its model knows 258"):
        load.tokenizer_of(folder)
