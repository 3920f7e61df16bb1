from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from llmhub.recipes import specs
from llmhub.recipes.specs import PretrainSpec
from tests.training import alignment, small
from workers.training import models, probe
from workers.training.job import parsed
from workers.training.objectives.pretrain import Pretrain

CPU = torch.device("cpu")
WAYS = pytest.mark.parametrize(
    "changes",
    [
        {},
        {"runtime__precision": "bf16"},
        {"runtime__activation_checkpointing": True},
        {"training__gradient_accumulation_steps": 2, "training__batch_size": 8},
    ],
    ids=["plain", "bf16", "checkpointing", "accumulation"],
)
ARCHITECTURES = pytest.mark.parametrize("architecture", ["gpt2", "llama"])


@WAYS
@ARCHITECTURES
def test_a_step_without_data_needs_what_a_real_step_needs(architecture: str, changes):
    """Tensor for tensor: with dropout too, whose attention the CPU computes in another way."""
    spec = small.spec(architecture, **changes)

    assert probe.probe(spec, None, CPU) == probe.measure(spec, None, CPU, "sdpa")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@ARCHITECTURES
def test_activations_are_what_autograd_saves(architecture: str, precision: str):
    """All but the loss itself, a number of 4 bytes, is saved for the backward pass."""
    spec = small.spec(architecture, runtime__precision=precision)

    assert probe.probe(spec, None, CPU)["activations_bytes"] == saved_bytes(spec) + 4


def saved_bytes(spec: PretrainSpec) -> int:
    model = models.build(spec.model, spec.runtime, CPU)
    own = {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    storages: dict[int, torch.UntypedStorage] = {}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage
        return tensor

    tokens = torch.zeros(spec.training.micro_batch_size, 17, dtype=torch.long)
    bf16 = spec.runtime.precision == "bf16"
    with (
        saved_tensors_hooks(save, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=bf16),
    ):
        loss = Pretrain().loss(model, {"tokens": tokens}).total
    assert loss.requires_grad
    return sum(storage.nbytes() for storage in storages.values())


def test_weights_gradients_and_moments_are_four_numbers_each():
    needs = probe.probe(small.spec(), None, CPU)
    weights = 4 * needs["parameters"]

    assert (needs["weights_bytes"], needs["gradients_bytes"]) == (weights, weights)
    assert needs["optimizer_bytes"] == 2 * weights
    assert needs["peak_bytes"] > 3 * weights + needs["activations_bytes"]


def test_the_peak_of_accumulation_has_gradients_and_activations_at_once():
    alone = probe.probe(small.spec(training__batch_size=4), None, CPU)
    accumulating = probe.probe(small.spec(training__batch_size=32), None, CPU)

    assert accumulating["peak_bytes"] >= alone["peak_bytes"] + alone["gradients_bytes"]
    assert accumulating["activations_bytes"] == alone["activations_bytes"]


def test_seven_billion_parameters_are_probed_without_their_memory():
    llama = {
        "architecture": "llama",
        "vocab_size": 32_000,
        "hidden_size": 4_096,
        "intermediate_size": 11_008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "max_position_embeddings": 2_048,
    }
    needs = probe.probe(parsed({**specs.dump(small.spec("llama")), "model": llama}), None, CPU)

    assert needs["parameters"] == 6_738_415_616


def answer(monkeypatch, capsys, text: str) -> tuple[int, dict[str, Any]]:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    code = probe.main()
    return code, json.loads(capsys.readouterr().out)


def test_it_answers_a_spec_with_json(monkeypatch, capsys):
    code, needs = answer(
        monkeypatch, capsys, json.dumps({"spec": specs.dump(small.spec()), "shape": None})
    )

    assert code == 0
    assert needs["parameters"] > 0


@pytest.mark.parametrize("text", ["{", '{"spec": {"objective": "pretrain"}}', "[]", "{}"])
def test_a_bad_spec_is_an_error_in_json(monkeypatch, capsys, text: str):
    code, said = answer(monkeypatch, capsys, text)

    assert code == 2
    assert said["error"]


SHAPE = {"model": small.MODELS["llama"] | {"max_position_embeddings": 64}, "is_tied": False}


def needs_of(objective: str, **changes: Any) -> dict[str, int]:
    return probe.probe(alignment.spec(objective, **changes), SHAPE, CPU)


@pytest.mark.parametrize("objective", ["sft", "reward", "dpo", "ppo"])
def test_an_alignment_needs_its_states_and_what_waits_for_the_way_back(objective: str):
    needs = needs_of(objective)
    states = sum(needs[f"{part}_bytes"] for part in ("weights", "gradients", "optimizer", "frozen"))

    assert needs["learning"] == needs["parameters"]
    assert needs["peak_bytes"] >= states + needs["activations_bytes"]


def test_a_pair_is_two_sequences():
    one, pair = needs_of("sft", training__micro_batch_size=2), needs_of("dpo")

    assert pair["activations_bytes"] == pytest.approx(2 * one["activations_bytes"], rel=0.1)


@pytest.mark.parametrize("objective", ["sft", "reward", "dpo", "ppo"])
def test_adapters_spare_gradients_and_moments(objective: str):
    whole, adapted = needs_of(objective), needs_of(objective, lora__rank=2)

    assert adapted["learning"] < whole["learning"] / 2
    assert adapted["gradients_bytes"] == 4 * adapted["learning"]


def test_ppo_holds_a_reward_model_and_a_reference_beside_the_policy():
    """The reference is a policy; the reward model has a head of one row in place of 300."""
    whole, adapted = needs_of("ppo"), needs_of("ppo", lora__rank=2)

    assert whole["frozen_bytes"] - adapted["frozen_bytes"] == 4 * needs_of("sft")["parameters"]
    assert needs_of("dpo")["frozen_bytes"] == 0


def test_a_base_of_unknown_shape_is_an_error(monkeypatch, capsys):
    text = json.dumps({"spec": specs.dump(alignment.spec("sft")), "shape": None})
    code, said = answer(monkeypatch, capsys, text)

    assert code == 2
    assert "shape" in said["error"]
