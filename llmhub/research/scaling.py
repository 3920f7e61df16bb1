"""Scaling laws: how the loss depends on parameters and tokens, and what a budget is best spent on.

    L(N, D) = E + A / N^alpha + B / D^beta        C = 6 N D

Hoffmann et al. 2022, “Training Compute-Optimal Large Language Models” (arXiv:2203.15556), approach
3: N counts all parameters, embeddings too; D are tokens, each seen once; L is in nats per token of
their text with their tokenizer. Where L is least at a budget has a closed form (equation 4):

    N = G (C/6)^(beta/(alpha+beta))     G = (alpha A / (beta B))^(1/(alpha+beta))     D = C / (6 N)

No Django here: the fit runs in a process of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FLOPS = 6  # per parameter and token: recipes/estimate.py says why
# Halvings that find a budget to far more digits than any fit has.
HALVINGS = 60


@dataclass(frozen=True)
class Allocation:
    """What a budget is spent on."""

    parameters: float
    tokens: float

    @property
    def ratio(self) -> float:
        return self.tokens / self.parameters

    @property
    def flops(self) -> float:
        return FLOPS * self.parameters * self.tokens


@dataclass(frozen=True)
class Law:
    irreducible: float  # E
    parameter_factor: float  # A
    token_factor: float  # B
    alpha: float
    beta: float

    def loss(self, parameters: float, tokens: float) -> float:
        return float(self.floor(parameters) + self.token_factor / tokens**self.beta)

    def floor(self, parameters: float) -> float:
        """What a model of this size would reach with tokens without end."""
        return float(self.irreducible + self.parameter_factor / parameters**self.alpha)

    @property
    def exponent(self) -> float:
        """The best parameters grow with this power of the budget."""
        return self.beta / (self.alpha + self.beta)

    @property
    def scale(self) -> float:
        """G of the closed form."""
        share = (self.alpha * self.parameter_factor) / (self.beta * self.token_factor)
        return raised(share, 1 / (self.alpha + self.beta))

    def best(self, flops: float) -> Allocation:
        return spent(flops, self.scale * (flops / FLOPS) ** self.exponent)

    def tokens_for(self, parameters: float, loss: float) -> float | None:
        """None where a model of this size never gets there."""
        left = loss - self.floor(parameters)
        if left <= 0:
            return None
        tokens = raised(self.token_factor / left, 1 / self.beta)
        return tokens if math.isfinite(tokens) else None


# With the digits of the paper's source, which give its own results: 40 billion parameters for the
# budget of Gopher (table 3). Its text rounds them to 1.69, 0.34 and 0.28: that would be 32 billion.
HOFFMANN = Law(1.6934, 406.4, 410.7, 0.3392, 0.2849)
# Besiroglu et al. 2024, “Chinchilla Scaling: A Replication Attempt” (arXiv:2404.10102): the same
# approach to the points of the paper's figure, with a fit that converged.
BESIROGLU = Law(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
# What approaches 1 and 2 of Hoffmann et al. come to, and Chinchilla: 70 B parameters, 1.4 T tokens.
TOKENS_PER_PARAMETER = 20
# What they trained: beyond it a law is extended, not tested.
TRAINED_PARAMETERS = (70e6, 16e9)
TRAINED_TOKENS = (5e9, 500e9)
# Below their smallest run, and above what guessing among all tokens of their tokenizer would lose,
# they predict no loss.
TRAINED_FLOPS = FLOPS * TRAINED_PARAMETERS[0] * TRAINED_TOKENS[0]
VOCABULARY = 32_000


@dataclass(frozen=True)
class Rule:
    """A way to divide a budget; one that names a ratio borrows the loss of a law."""

    law: Law
    ratio: float | None = None

    def best(self, flops: float) -> Allocation:
        if self.ratio is None:
            return self.law.best(flops)
        return spent(flops, math.sqrt(flops / FLOPS / self.ratio))

    def for_parameters(self, parameters: float) -> float:
        """The budget at which so many parameters are best."""
        if self.ratio is not None:
            return FLOPS * self.ratio * parameters**2
        return FLOPS * raised(parameters / self.law.scale, 1 / self.law.exponent)

    def for_tokens(self, tokens: float) -> float:
        """The budget at which so many tokens are best: N = C / 6D, put into the closed form."""
        if self.ratio is not None:
            return FLOPS * tokens**2 / self.ratio
        return FLOPS * raised(tokens * self.law.scale, 1 / (1 - self.law.exponent))

    def loss(self, where: Allocation) -> float:
        return self.law.loss(where.parameters, where.tokens)


PUBLISHED = {
    "hoffmann": Rule(HOFFMANN),
    "besiroglu": Rule(BESIROGLU),
    "twenty": Rule(BESIROGLU, TOKENS_PER_PARAMETER),
}


def raised(base: float, power: float) -> float:
    """A fitted exponent may be so small that no float holds what follows from it."""
    try:
        return float(base**power)
    except OverflowError:
        return math.inf


def spent(flops: float, parameters: float) -> Allocation:
    """All of a budget on a model of this size."""
    return Allocation(parameters, flops / (FLOPS * parameters))


@dataclass(frozen=True)
class Choice:
    """A model of another size than the best one, at the same budget."""

    where: Allocation
    # None where the law means nothing by it.
    loss: float | None
    # By the parameters of the best: about what a generated token costs.
    size: float
    # The part of the budget with which the best model would be as good.
    worth: float
    # Of the budget, what this size needs to become as good as the best; None where it never does.
    same_loss: float | None

    @property
    def percent(self) -> float:
        return round(100 * self.worth, 1)


def choice(rule: Rule, flops: float, parameters: float) -> Choice:
    best = rule.best(flops)
    where = spent(flops, parameters)
    loss, least = rule.loss(where), rule.loss(best)
    tokens = rule.law.tokens_for(parameters, least)
    return Choice(
        where,
        loss,
        size=parameters / best.parameters,
        worth=min(1.0, budget_for(rule, loss, flops) / flops),
        same_loss=FLOPS * parameters * tokens / flops if tokens else None,
    )


def budget_for(rule: Rule, loss: float, most: float) -> float:
    """The least budget, up to `most`, whose best model reaches the loss."""
    low, high = math.log(most) - 60, math.log(most)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if rule.loss(rule.best(math.exp(middle))) > loss:
            low = middle
        else:
            high = middle
    return math.exp(high)


def is_extended(where: Allocation) -> bool:
    """Whether the published laws were never tested there."""
    inside = [
        low <= value <= high
        for value, (low, high) in (
            (where.parameters, TRAINED_PARAMETERS),
            (where.tokens, TRAINED_TOKENS),
        )
    ]
    return not all(inside)
