from __future__ import annotations

from typing import Any

import pytest
import torch

from llmhub.recipes.specs import LoRA, Runtime
from tests.training.models.conftest import (
    ARCHITECTURES,
    CPU,
    Written,
    causal_lm,
    nudge,
    some_tokens,
)
from workers.training.models import load, lora
from workers.training.models.export import plain_of

LAYERS = {
    ("gpt2", "attention"): {"c_attn", "attn.c_proj"},
    ("gpt2", "all_linear"): {"c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"},
    ("llama", "attention"): {"q_proj", "k_proj", "v_proj", "o_proj"},
    ("llama", "all_linear"): {
        *("q_proj", "k_proj", "v_proj", "o_proj"),
        *("gate_proj", "up_proj", "down_proj"),
    },
}
TARGETS = pytest.mark.parametrize("targets", ["attention", "all_linear"])


def learned(model: Any) -> list[torch.nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


@ARCHITECTURES
@TARGETS
def test_adapters_are_where_they_should_be(targets: str, architecture: str, written: Written):
    adapted = lora.add_adapters(causal_lm(written(architecture)), LoRA(rank=2, targets=targets))

    names = set(adapted.targeted_module_names)
    wanted = LAYERS[architecture, targets]
    assert all(any(name.endswith(end) for end in wanted) for name in names)
    assert len(names) == 2 * len(wanted)  # in 2 blocks
    assert all("lora_" in n for n, p in adapted.named_parameters() if p.requires_grad)
    assert len(learned(adapted)) == 2 * len(names)


@ARCHITECTURES
def test_adapters_change_nothing_before_they_have_learned(architecture: str, written: Written):
    model, tokens = causal_lm(written(architecture)).eval(), some_tokens()
    before = model(input_ids=tokens).logits

    adapted = lora.add_adapters(model, LoRA(rank=4)).eval()
    assert torch.equal(adapted(input_ids=tokens).logits, before)


@ARCHITECTURES
def test_without_adapters_the_model_is_what_it_was(architecture: str, written: Written):
    model, tokens = causal_lm(written(architecture)).eval(), some_tokens()
    before = model(input_ids=tokens).logits
    adapted = lora.add_adapters(model, LoRA(rank=4)).eval()
    nudge(learned(adapted))
    after, count = adapted(input_ids=tokens).logits, len(learned(adapted))

    with lora.without_adapters(adapted):
        assert torch.equal(adapted(input_ids=tokens).logits, before)
    assert not torch.allclose(after, before)
    assert torch.equal(adapted(input_ids=tokens).logits, after)
    assert len(learned(adapted)) == count


@ARCHITECTURES
@TARGETS
def test_merged_weights_compute_the_same_and_the_live_ones_stay(
    targets: str, architecture: str, written: Written
):
    folder, tokens = written(architecture), some_tokens()
    adapted = lora.add_adapters(causal_lm(folder), LoRA(rank=4, alpha=8, targets=targets)).eval()
    nudge(learned(adapted))
    before = {name: tensor.clone() for name, tensor in adapted.state_dict().items()}
    merged = lora.merged_state(adapted)

    plain = causal_lm(folder).eval()
    assert merged.keys() == plain.state_dict().keys()
    plain.load_state_dict(merged)
    torch.testing.assert_close(
        plain(input_ids=tokens).logits, adapted(input_ids=tokens).logits, rtol=1e-5, atol=1e-5
    )
    after = adapted.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@ARCHITECTURES
def test_alpha_over_rank_is_the_weight_of_the_adapters(architecture: str, written: Written):
    """delta = alpha / rank * B A, by hand."""
    adapted = lora.add_adapters(causal_lm(written(architecture)), LoRA(rank=4, alpha=6))
    nudge(learned(adapted))
    name = adapted.targeted_module_names[0]
    layer = plain_of(adapted).get_submodule(name)
    delta = 6 / 4 * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    if architecture == "gpt2":
        delta = delta.T

    merged = lora.merged_state(adapted)[f"{name}.weight"]
    torch.testing.assert_close(merged - layer.base_layer.weight, delta)


@ARCHITECTURES
def test_the_head_of_a_reward_model_learns_with_the_adapters(architecture: str, written: Written):
    scorer = load.scorer(written(architecture), Runtime(), "sdpa", CPU)
    adapted = lora.add_adapters(scorer.classifier, LoRA(rank=2))
    scorer(some_tokens()).sum().backward()

    assert scorer.classifier.score.weight.grad is not None
    assert all(
        "lora_" in name or "score" in name
        for name, p in adapted.named_parameters()
        if p.requires_grad
    )
    assert "score.weight" in lora.merged_state(adapted)


@ARCHITECTURES
def test_adapters_follow_the_seed(architecture: str, written: Written):
    folder = written(architecture)

    def adapters(seed: int) -> list[torch.nn.Parameter]:
        model = causal_lm(folder)
        torch.manual_seed(seed)
        return learned(lora.add_adapters(model, LoRA(rank=2)))

    assert all(map(torch.equal, adapters(1), adapters(1)))
    assert not all(map(torch.equal, adapters(1), adapters(2)))


@ARCHITECTURES
def test_adapters_learn_under_activation_checkpointing(architecture: str, written: Written):
    def gradients(checkpointing: bool):
        folder = written(architecture)
        model = causal_lm(folder, activation_checkpointing=checkpointing)
        adapted = lora.add_adapters(model, LoRA(rank=2))
        nudge(learned(adapted))
        adapted(input_ids=some_tokens(), use_cache=False).logits.square().mean().backward()
        return [p.grad for p in learned(adapted)]

    torch.manual_seed(1)
    plain = gradients(False)
    torch.manual_seed(1)
    for expected, found in zip(plain, gradients(True), strict=True):
        torch.testing.assert_close(found, expected)
