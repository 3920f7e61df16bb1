"""Proximal policy optimization on texts (Schulman et al. 2017; Ziegler et al. 2019).

Everything about a token stands at the index of that token: its log-probability, its value (what was
expected before it was written), its reward. Shapes are [rows, tokens] unless said otherwise;
`mask` is True where the model wrote the token, which is one stretch of every row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, pad

from llmhub.lib import metric_names as names
from workers.training.objectives import Batch, Loss
from workers.training.objectives.logps import token_logps


@dataclass(frozen=True)
class PPO:
    """Clipped policy and value losses, summed over the tokens of the answers.

    batch["tokens"], ["answer_mask"] (bool), ["old_logps"], ["old_values"], ["advantages"],
    ["returns"]: [rows, tokens]; ["lengths"]: [rows].
    """

    cliprange: float
    cliprange_value: float
    vf_coef: float
    temperature: float = 1.0
    is_likelihood = False

    def weight(self, batch: Batch) -> int:
        return int(batch["answer_mask"].sum())

    def tokens(self, batch: Batch) -> int:
        return int(batch["lengths"].sum())

    def loss(self, model: nn.Module, batch: Batch) -> Loss:
        mask = batch["answer_mask"]
        logits, values = model(batch["tokens"])
        logps = token_logps(logits, batch["tokens"], self.temperature)
        log_ratio = (logps - batch["old_logps"]) * mask
        ratio = log_ratio.exp()
        policy = policy_loss(ratio, batch["advantages"], self.cliprange)
        value = value_loss(
            of_token(values), batch["old_values"], batch["returns"], self.cliprange_value
        )
        total = ((policy + self.vf_coef * value) * mask).sum()
        with torch.no_grad():
            per_token = {
                names.PPO_POLICY_LOSS.name: policy,
                names.PPO_VALUE_LOSS.name: value,
                names.PPO_CLIP_FRACTION.name: (ratio - 1).abs() > self.cliprange,
                # The estimator k3 (Schulman 2020).
                names.PPO_APPROX_KL.name: ratio - 1 - log_ratio,
            }
            sums = {name: (part * mask).sum() for name, part in per_token.items()}
            written_from = logits[:, :-1][mask[:, 1:]]  # [answer tokens, vocabulary]
            entropies = entropy(written_from, self.temperature)
        return Loss(total, sums | {names.PPO_ENTROPY.name: entropies.sum()})


def of_token(values: Tensor) -> Tensor:
    """The value of a token is what the head says at the token before it; the first has none: 0."""
    return pad(values[:, :-1], (1, 0))


def policy_loss(ratio: Tensor, advantages: Tensor, cliprange: float) -> Tensor:
    """Schulman et al. 2017, equation 7, per token."""
    clipped = ratio.clamp(1 - cliprange, 1 + cliprange)
    return torch.maximum(-advantages * ratio, -advantages * clipped)


def value_loss(values: Tensor, old: Tensor, returns: Tensor, cliprange: float) -> Tensor:
    """Half the squared error, of the value or of the value held near the old one: the worse."""
    clipped = old + (values - old).clamp(-cliprange, cliprange)
    return torch.maximum((values - returns) ** 2, (clipped - returns) ** 2) / 2


def entropy(logits: Tensor, temperature: float) -> Tensor:
    """In nats, of the distributions that tokens are drawn from: [..., vocabulary] -> [...]."""
    logps = log_softmax(logits.float() / temperature, dim=-1)
    return -(logps.exp() * logps).sum(-1)


def kl_per_token(logps: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """The estimator k1 of the divergence from the reference; its sum over an answer is an estimate
    of that of whole answers (Schulman 2020, “Approximating KL divergence”)."""
    return (logps - reference) * mask


def token_rewards(kl: Tensor, scores: Tensor, mask: Tensor, coefficient: float) -> Tensor:
    """Ziegler et al. 2019, equation 2: every token pays for its divergence, the last one earns the
    score [rows] of the answer."""
    last = mask & ~pad(mask[:, 1:], (0, 1))
    return (scores[:, None] * last - coefficient * kl) * mask


def advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """(advantages, returns) by generalized advantage estimation (Schulman et al. 2016, equation
    16). Nothing is expected behind the last token."""
    found = torch.zeros_like(rewards)
    after, value_after = torch.zeros_like(rewards[:, 0]), torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        here = mask[:, t]
        delta = rewards[:, t] + gamma * value_after - values[:, t]
        after = torch.where(here, delta + gamma * lam * after, after)
        value_after = torch.where(here, values[:, t], value_after)
        found[:, t] = after * here
    return found, (found + values) * mask


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the masked tokens; 0 elsewhere."""
    chosen = values[mask]
    spread = torch.rsqrt(chosen.var(unbiased=False) + 1e-8)
    return (values - chosen.mean()) * spread * mask


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """1: the values foresaw the returns; 0 or less: no better than their mean."""
    foreseen, came = values[mask], returns[mask]
    variance = came.var(unbiased=False)
    if variance == 0:
        return 0.0
    return float(1 - (came - foreseen).var(unbiased=False) / variance)


class AdaptiveKL:
    """The weight of the divergence, led to a target (Ziegler et al. 2019, section 2.2).

    In `horizon` answers the coefficient changes by at most a fifth: `target` is what our recipes
    call target_kl, in nats over a whole answer.
    """

    def __init__(self, initial: float, target: float, horizon: int) -> None:
        self.coefficient = initial
        self._target = target
        self._horizon = horizon

    def update(self, kl: float, answers: int) -> None:
        if math.isnan(kl):  # one bad step is passed over; the coefficient would never recover
            return
        error = min(max(kl / self._target - 1, -0.2), 0.2)
        self.coefficient *= 1 + error * answers / self._horizon

    def state(self) -> dict[str, Any]:
        return {"coefficient": self.coefficient}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.coefficient = float(state["coefficient"])
