from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from llmhub.recipes.specs import LoRA, Runtime
from tests.training.models.conftest import (
    ARCHITECTURES,
    CPU,
    Written,
    causal_lm,
    nudge,
    some_tokens,
)
from workers.training.models import export, load, lora
from workers.training.models.heads import PolicyValue


@ARCHITECTURES
def test_the_score_at_the_last_token_is_that_of_transformers(
    architecture: str, written: Written, tmp_path
):
    scorer = load.scorer(written(architecture), Runtime(), "sdpa", CPU).eval()
    export.write(scorer.classifier, export.state_of(scorer.classifier), tmp_path / "reward")
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward")
    tokens = some_tokens(rows=3)

    torch.testing.assert_close(scorer(tokens)[:, -1:], theirs(input_ids=tokens).logits)


@ARCHITECTURES
def test_a_score_does_not_depend_on_what_follows(architecture: str, written: Written):
    scorer = load.scorer(written(architecture), Runtime(), "sdpa", CPU).eval()
    tokens = some_tokens(rows=1)
    padded = torch.cat([tokens, torch.full((1, 4), 256)], dim=1)

    torch.testing.assert_close(scorer(padded)[:, :10], scorer(tokens))


@ARCHITECTURES
@pytest.mark.parametrize("rank", [0, 4], ids=["whole", "lora"])
def test_one_pass_gives_logits_and_values(rank: int, architecture: str, written: Written):
    policy = causal_lm(written(architecture)).eval()
    adapted = lora.add_adapters(policy, LoRA(rank=rank)) if rank else policy
    nudge(p for p in adapted.parameters() if p.requires_grad)
    both = PolicyValue(adapted)
    nudge(both.head.parameters())
    tokens, passes = some_tokens(), []
    policy.get_input_embeddings().register_forward_hook(lambda *_: passes.append(1))
    logits, values = both(tokens)

    assert len(passes) == 1
    hidden = policy.base_model(input_ids=tokens).last_hidden_state
    torch.testing.assert_close(logits, policy(input_ids=tokens).logits)
    torch.testing.assert_close(values, both.head(hidden).squeeze(-1))


@ARCHITECTURES
def test_values_are_near_zero_at_first_and_float32_under_autocast(
    architecture: str, written: Written
):
    both = PolicyValue(causal_lm(written(architecture)))
    with torch.autocast("cpu", torch.bfloat16):
        logits, values = both(some_tokens())

    assert logits.dtype == torch.bfloat16
    assert values.dtype == torch.float32
    assert 0 < values.abs().max() < 1
    assert both.head.bias.item() == 0


@ARCHITECTURES
def test_values_teach_head_and_policy(architecture: str, written: Written):
    both = PolicyValue(causal_lm(written(architecture), activation_checkpointing=True))
    both(some_tokens())[1].square().sum().backward()

    assert both.head.weight.grad.abs().sum() > 0
    assert both.policy.get_input_embeddings().weight.grad.abs().sum() > 0


@ARCHITECTURES
def test_positions_and_masks_reach_the_model(architecture: str, written: Written):
    """Two examples in one sequence, each with its own positions, none seeing the other."""
    both = PolicyValue(causal_lm(written(architecture))).eval()
    first, second = some_tokens(1, 6, seed=1), some_tokens(1, 4, seed=2)
    segments = torch.tensor([0] * 6 + [1] * 4)
    mask = (segments[:, None] == segments[None, :]).tril()[None, None]
    positions = torch.tensor([[*range(6), *range(4)]])
    logits, values = both(torch.cat([first, second], 1), mask, positions)

    for part, alone in ((slice(0, 6), first), (slice(6, 10), second)):
        expected_logits, expected_values = both(alone)
        torch.testing.assert_close(logits[:, part], expected_logits)
        torch.testing.assert_close(values[:, part], expected_values)
