from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from llmhub.recipes import content, shapes, specs
from llmhub.recipes.needed import Needed
from llmhub.recipes.specs import DPOSpec, PPOSpec, PretrainSpec, RewardSpec, SFTSpec
from tests.training import alignment, small
from workers.training import first_step, models, probe
from workers.training.first_step import FirstStep
from workers.training.job import parsed
from workers.training.objectives import Batch, Objective
from workers.training.objectives.dpo import DPO
from workers.training.objectives.ppo import PPO
from workers.training.objectives.pretrain import Pretrain
from workers.training.objectives.reward import Reward
from workers.training.objectives.sft import SFT

RECIPES = {recipe.slug: recipe.spec for recipe in content.load()}

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


def of_sft(spec: SFTSpec) -> tuple[Objective, Batch]:
    """Two packed examples in each row, all of whose tokens are learned."""
    rows, length = spec.training.micro_batch_size, spec.training.max_seq_length
    segments = torch.ones(rows, length, dtype=torch.long)
    segments[:, length // 2 :] = 2
    positions = torch.arange(length).expand(rows, length)
    return SFT(), {"segments": segments, "positions": positions} | of_rows(rows, length)


def of_pairs(objective: Objective) -> Any:
    def made(spec: RewardSpec | DPOSpec) -> tuple[Objective, Batch]:
        rows, length = 2 * spec.training.micro_batch_size, spec.training.max_seq_length
        return objective, {"reference_logps": torch.zeros(rows)} | of_rows(rows, length)

    return made


def of_ppo(spec: PPOSpec) -> tuple[Objective, Batch]:
    training = spec.training
    rows = training.micro_batch_size
    length = training.max_prompt_length + training.response_length
    names = ("old_logps", "old_values", "advantages", "returns")
    numbers = {name: torch.zeros(rows, length) for name in names}
    return PPO(0.2, 0.2, 0.1), numbers | of_rows(rows, length)


def of_rows(rows: int, length: int) -> Batch:
    whole = torch.ones(rows, length, dtype=torch.bool)
    return {
        "tokens": torch.zeros(rows, length, dtype=torch.long),
        "loss_mask": whole,
        "answer_mask": whole,
        "lengths": torch.full((rows,), length),
    }


REAL = {"sft": of_sft, "reward": of_pairs(Reward()), "dpo": of_pairs(DPO(0.1)), "ppo": of_ppo}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("objective", REAL)
def test_the_step_of_an_alignment_needs_what_the_real_objective_needs(
    monkeypatch: pytest.MonkeyPatch, objective: str, precision: str
):
    """With data, and with what the objective measures besides its loss; many words, so that it is
    the logits that count."""
    spec = alignment.spec(objective, runtime__precision=precision)
    shape = {**SHAPE, "model": SHAPE["model"] | {"vocab_size": 5_000}}
    foreseen = probe.probe(spec, shape, CPU)

    def real(*arguments: Any) -> FirstStep:
        own, batch = REAL[objective](spec)
        return replace(first_step.first_step(*arguments), objective=own, batch=lambda: batch)

    monkeypatch.setattr(probe, "first_step", real)
    measured = probe.measure(spec, shape, CPU, "sdpa")
    for name in ("activations_bytes", "peak_bytes"):
        assert foreseen[name] == pytest.approx(measured[name], rel=0.02), name


def test_each_process_has_its_part_of_a_divided_model():
    divided = {"runtime__processes": 4, "runtime__strategy": "fsdp"}
    alone, part = needs_of("sft"), needs_of("sft", **divided)

    assert part["optimizer_bytes"] == alone["optimizer_bytes"] // 4
    assert part["gradients_bytes"] == alone["gradients_bytes"] // 4
    assert part["activations_bytes"] == alone["activations_bytes"]


def test_copies_hold_their_gradients_twice():
    alone, copy = needs_of("sft"), needs_of("sft", runtime__processes=2)

    assert copy["gradients_bytes"] == 2 * alone["gradients_bytes"]
    assert copy["peak_bytes"] == alone["peak_bytes"] + alone["gradients_bytes"]


def test_answers_that_are_written_side_by_side_may_be_the_peak():
    """Their keys and values: 2 layers x 2 x 16 numbers of 4 bytes for each of 64 x 38 tokens."""
    many = {"training__batch_size": 64, "training__mini_batch_size": 64}
    few = {"training__micro_batch_size": 1, "lora__rank": 2}
    needs = needs_of("ppo", **many, **few)
    model = SHAPE["model"]
    per_token = 2 * model["num_hidden_layers"] * 4 * model["hidden_size"]
    per_token = per_token * model["num_key_value_heads"] // model["num_attention_heads"]
    states = needs["weights_bytes"] + needs["frozen_bytes"] + needs["optimizer_bytes"]

    assert needs["peak_bytes"] >= states + 64 * 38 * per_token


MEASURED_IN_A_PROCESS = """
import json, resource, subprocess, sys
from pathlib import Path
ended = subprocess.run([sys.executable, "-m", "workers.training.probe"], input=sys.stdin.read(),
                       text=True, stdout=subprocess.PIPE, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"needs": json.loads(ended.stdout), "bytes": used.ru_maxrss * 1024}))
"""


@pytest.mark.faults
def test_a_small_machine_can_probe_ppo_of_seven_billion_parameters():
    """Policy, reference and reward model, in under 2 GB."""
    spec = RECIPES["rlhf-ppo"]
    base = shapes.of(spec.model.base_model)
    asked = Needed(spec, base).as_json()
    answer = subprocess.run(
        [sys.executable, "-c", MEASURED_IN_A_PROCESS],
        input=json.dumps(asked),
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    told = json.loads(answer.stdout)

    assert told["needs"]["frozen_bytes"] > 2 * 26 * 10**9
    assert told["bytes"] < 2 * 10**9


def test_a_base_of_unknown_shape_is_an_error(monkeypatch, capsys):
    text = json.dumps({"spec": specs.dump(alignment.spec("sft")), "shape": None})
    code, said = answer(monkeypatch, capsys, text)

    assert code == 2
    assert "shape" in said["error"]
