"""What to change when memory was not enough."""

from __future__ import annotations

import pytest

from llmhub.recipes import specs
from llmhub.recipes.estimate import Device
from tests.training import alignment, small
from workers.training import advice


def test_it_names_the_gentlest_change_and_what_it_takes():
    spec = small.spec(training__micro_batch_size=8)

    assert "would fit: training.micro_batch_size = " in advice.out_of_memory(spec)


def test_of_a_model_that_nobody_knows_it_says_what_helps_in_general():
    assert advice.out_of_memory(alignment.spec("sft")) == advice.GENERAL
    assert advice.out_of_memory(None) == advice.GENERAL


def test_adapters_are_named_for_a_known_model_with_large_states(
    monkeypatch: pytest.MonkeyPatch,
):
    """7B: states of 108 GB, which adapters shrink to a quarter."""
    monkeypatch.setattr(advice, "_device", lambda: Device("cuda", "H100", 80 * 10**9))
    base = {"model.base_model": "meta-llama/Llama-2-7b-hf", "training.micro_batch_size": 1}
    assert "lora.rank" in advice.out_of_memory(specs.override(alignment.spec("sft"), base))


def test_what_nothing_helps_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(advice, "LESS", 1e-9)

    assert "too large" in advice.out_of_memory(small.spec())
