from __future__ import annotations

import math

import pytest
import torch

from workers.training.objectives.logps import token_logps

# After token 0: odds of 1 to 3. After token 1: even.
LOGITS = torch.tensor([[[0.0, math.log(3)], [0.0, 0.0], [5.0, -5.0]]])
TOKENS = torch.tensor([[0, 1, 0]])


def test_a_log_probability_stands_at_its_own_token():
    """The first has none; p(1 | 0) = 3/4; p(0 | 1) = 1/2. What follows the last counts nowhere."""
    found = token_logps(LOGITS, TOKENS)
    torch.testing.assert_close(found, torch.tensor([[0.0, math.log(0.75), math.log(0.5)]]))


def test_temperature_brings_the_odds_closer():
    """At temperature 2 odds of 3 are odds of √3: p = √3 / (1 + √3) = 0.633975."""
    found = token_logps(LOGITS, TOKENS, temperature=2.0)
    torch.testing.assert_close(found, torch.tensor([[0.0, math.log(0.633975), math.log(0.5)]]))


def test_it_is_computed_in_32_bits():
    """Over 1,024 equal tokens p is 1/1024, and ln 1024 = 6.931472; bf16 has 6.9375 nearest."""
    logits = torch.zeros(1, 2, 1024, dtype=torch.bfloat16)
    found = token_logps(logits, torch.tensor([[3, 4]]))

    assert found.dtype == torch.float32
    assert found[0, 1].item() == pytest.approx(-6.931472)
