"""A scaling law fitted to a team's own runs, with intervals, or why there is none.

As Hoffmann et al. 2022 (appendix D.3) and Besiroglu et al. 2024: the Huber loss of the residuals of
log L is least, found by L-BFGS from the best of a grid of starts; runs are drawn again and again
(bootstrap) to tell how sure the law is. Free of Django: `workers.scaling` runs it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from llmhub.research.scaling import FLOPS, Law

Floats = npt.NDArray[np.float64]

# Five constants go through five runs exactly, which says nothing of chance; with fewer than eight
# most of the samples drawn from them cannot tell the constants apart.
FEWEST = 8
LEAST_RANGE = 4.0
# Two sizes are two equations for E, A and alpha: any number of laws goes through them.
FEWEST_KINDS = 3
# Nearer to each other than this, two sizes or two numbers of tokens count as one.
APART = 1.25
# What a sample must have at the least: a place for each constant.
CONSTANTS = 5
# Closer together than this, parameters and tokens grew in step: nobody can tell what either did.
MOST_CORRELATED = 0.98
# Of a relative error of the loss; larger ones count by their size and not by its square.
HUBER = 1e-3
# The grid of the paper, and how many of its 4,500 starts are followed.
GRID = (
    (0.0, 5.0, 10.0, 15.0, 20.0, 25.0),
    (0.0, 5.0, 10.0, 15.0, 20.0, 25.0),
    (-1.0, -0.5, 0.0, 0.5, 1.0),
    (0.0, 0.5, 1.0, 1.5, 2.0),
    (0.0, 0.5, 1.0, 1.5, 2.0),
)
STARTS = 10
# Of the grid, for each sample.
MORE_STARTS = 2
# Until the constants can be told apart; after that a sample has no law.
DRAWS = 10
SAMPLES = 200
SEED = 20220329
# An optimum that may as well be ten times smaller is none.
WIDEST = 10.0
# Of all samples these hold the middle 95 %.
LOW, HIGH = 2.5, 97.5
TINY = 1e-300
# Exponents outside of these are no law of learning, whatever the fit says.
EXPONENTS = (0.02, 2.0)
# Grids of three sizes and three lengths come to some hundreds; where constants can replace each
# other it is 1e13 and more.
WORST = 1e4
# Beyond all that a page plans; and of a best model what its powers still bear.
BUDGETS = (1e-20, 1e40)
LARGEST = 1e60
NO_LAW = Law(0.0, 0.0, 0.0, 0.0, 0.0)

Progress = Callable[[str, float, float], None]


@dataclass(frozen=True)
class Point:
    """A run that came to its end."""

    parameters: float
    tokens: float
    loss: float

    @property
    def place(self) -> tuple[float, float]:
        return self.parameters, self.tokens


@dataclass(frozen=True)
class Lack:
    """What the runs still need before a law can be fitted to them."""

    kind: str  # "runs", "parameters", "tokens", "sizes", "lengths" or "apart"
    # How many more runs, sizes or lengths; or beyond which the next one should go.
    above: float = 0
    below: float = 0


def lacks(points: Sequence[Point]) -> Iterator[Lack]:
    places = {point.place for point in points}
    if len(places) < FEWEST:
        yield Lack("runs", FEWEST - len(places))
    if not places:
        return
    for kind, values in zip(("parameters", "tokens"), zip(*places, strict=True), strict=True):
        low, high = min(values), max(values)
        if high < LEAST_RANGE * low:
            yield Lack(kind, above=LEAST_RANGE * low, below=high / LEAST_RANGE)
    for kind, missing in zip(("sizes", "lengths"), missing_kinds(places), strict=True):
        if missing:
            yield Lack(kind, missing)
    if len(places) >= FEWEST and in_step(places):
        yield Lack("apart")


def missing_kinds(places: Collection[tuple[float, float]]) -> tuple[int, int]:
    """How many more sizes, and how many more numbers of tokens."""
    sizes, lengths = (max(0, FEWEST_KINDS - kinds(one)) for one in zip(*places, strict=True))
    return sizes, lengths


def kinds(values: Iterable[float]) -> int:
    """How many are clearly apart."""
    count, last = 0, 0.0
    for value in sorted(values):
        if value >= APART * last:
            count, last = count + 1, value
    return count


def in_step(places: set[tuple[float, float]]) -> bool:
    logs = np.log(np.array(sorted(places)))
    if (np.ptp(logs, axis=0) == 0).any():
        return False
    return bool(abs(np.corrcoef(logs.T)[0, 1]) > MOST_CORRELATED)


class Residuals:
    """Of the logarithm of the loss; parameters and tokens by their means, which L-BFGS likes."""

    def __init__(self, points: Sequence[Point]) -> None:
        rows = np.array([(point.parameters, point.tokens, point.loss) for point in points])
        self.logs: Floats = np.log(rows)
        self.middle: Floats = self.logs[:, :2].mean(axis=0)
        self.parameters, self.tokens = (self.logs[:, :2] - self.middle).T
        self.losses = self.logs[:, 2]

    def starts(self) -> Floats:
        """The grid, (a, b, e, alpha, beta), the most promising first."""
        grid = np.array(list(itertools.product(*GRID)))
        grid[:, :2] -= grid[:, 3:] * self.middle
        return grid[np.argsort(self.costs(grid), kind="stable")][:STARTS]

    def costs(self, starts: Floats) -> Floats:
        a, b, e, alpha, beta = starts.T[:, :, np.newaxis]
        said = np.logaddexp(a - alpha * self.parameters, b - beta * self.tokens)
        found: Floats = huber(np.logaddexp(said, e) - self.losses).sum(axis=1)
        return found

    def cost(self, at: Floats) -> tuple[float, Floats]:
        """With its gradient."""
        a, b, e, alpha, beta = at
        terms = np.stack(
            [a - alpha * self.parameters, b - beta * self.tokens, np.full_like(self.losses, e)]
        )
        top = terms.max(axis=0)
        powers = np.exp(terms - top)
        total = powers.sum(axis=0)
        wrong = top + np.log(total) - self.losses
        cost = huber(wrong).sum()
        pull = np.clip(wrong / HUBER, -1, 1) / HUBER
        shares = powers / total * pull
        slopes = [-(shares[0] * self.parameters).sum(), -(shares[1] * self.tokens).sum()]
        return float(cost), np.array([*shares.sum(axis=1), *slopes])

    def condition(self, at: Floats) -> float:
        """How badly the points tell the five constants apart: the condition number of what each
        constant changes, all of one length."""
        a, b, e, alpha, beta = at
        terms = np.stack(
            [a - alpha * self.parameters, b - beta * self.tokens, np.full_like(self.losses, e)]
        )
        shares = np.exp(terms - np.logaddexp.reduce(terms))
        slopes = np.stack([*shares, -shares[0] * self.parameters, -shares[1] * self.tokens])
        lengths = np.linalg.norm(slopes, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            return math.inf
        return float(np.linalg.cond(slopes / lengths))

    def law(self, at: Floats) -> Law:
        a, b, e, alpha, beta = (float(value) for value in at)
        logs = (a + alpha * self.middle[0], b + beta * self.middle[1])
        # Beyond any number there is no law either: `is_sound` looks.
        floor, of_parameters, of_tokens = (math.exp(min(700.0, log)) for log in (e, *logs))
        return Law(floor, of_parameters, of_tokens, alpha, beta)


def huber(wrong: Floats) -> Floats:
    size = np.abs(wrong) / HUBER
    found: Floats = np.where(size < 1, 0.5 * size * size, size - 0.5)
    return found


def least(residuals: Residuals, starts: Floats) -> Floats:
    # Heavy, and only whoever fits needs it.
    from scipy.optimize import minimize

    found = [
        minimize(residuals.cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 2_000})
        for start in starts
    ]
    best: Floats = min(found, key=lambda one: float(one.fun)).x
    return best


def fit(
    points: Sequence[Point], progress: Progress = lambda *_: None, samples: int = SAMPLES
) -> dict[str, Any]:
    """The law and those of the samples, as JSON: [E, A, B, alpha, beta] each."""
    residuals = Residuals(points)
    best = least(residuals, residuals.starts())
    law = residuals.law(best)
    chance = np.random.default_rng(SEED)
    drawn_laws = []
    for number in range(samples):
        progress("fitting", number, samples)
        drawn_laws.append(again(draw(points, chance), law))
    return {
        "law": as_row(law),
        "samples": [as_row(one) for one in drawn_laws],
        "is_told": residuals.condition(best) < WORST,
    }


def draw(points: Sequence[Point], chance: np.random.Generator) -> list[Point]:
    """Again where it cannot tell the constants apart: which runs were drawn is no noise of theirs.
    Fewer than `FEWEST` runs would only ever be drawn all, and seem sure."""
    for _more in range(DRAWS):
        drawn = [points[place] for place in chance.integers(0, len(points), len(points))]
        if tells(drawn):
            break
    return drawn


def tells(drawn: Sequence[Point]) -> bool:
    places = {point.place for point in drawn}
    return len(places) >= CONSTANTS and not any(missing_kinds(places))


def again(drawn: Sequence[Point], law: Law) -> Law:
    """The law of drawn points, sought from that of all of them and from the best of the grid: from
    one start alone samples would all end in the same flat valley."""
    if not tells(drawn):
        return NO_LAW
    residuals = Residuals(drawn)
    e, *logs = (math.log(max(TINY, value)) for value in as_row(law)[:3])
    exponents = np.array([law.alpha, law.beta])
    start = np.array([*(logs - exponents * residuals.middle), e, *exponents])
    return residuals.law(least(residuals, np.stack([start, *residuals.starts()[:MORE_STARTS]])))


def as_row(law: Law) -> list[float]:
    """Of what is no number all is zero, which is not sound."""
    row = [law.irreducible, law.parameter_factor, law.token_factor, law.alpha, law.beta]
    return row if all(map(math.isfinite, row)) else [0.0] * len(row)


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of the samples."""

    low: float
    high: float

    @property
    def ratio(self) -> float:
        return self.high / self.low if self.low > 0 else math.inf


@dataclass(frozen=True)
class Fitted:
    law: Law
    samples: tuple[Law, ...]
    # Whether the runs tell the constants apart.
    is_told: bool = True

    @classmethod
    def of(cls, result: dict[str, Any]) -> Fitted:
        samples = tuple(Law(*row) for row in result["samples"])
        return cls(Law(*result["law"]), samples, result.get("is_told", True))

    def constants(self) -> list[tuple[str, float, Interval]]:
        """E, A, B, alpha and beta with their intervals."""
        columns = zip(*(as_row(law) for law in (self.law, *self.samples)), strict=True)
        names = ("E", "A", "B", "α", "β")
        return [
            (name, value, interval(samples))
            for name, (value, *samples) in zip(names, columns, strict=True)
        ]

    @cached_property
    def sound(self) -> list[Law]:
        """The samples that have a best model."""
        return [law for law in self.samples if is_sound(law)]

    def best_parameters(self, flops: float) -> Interval:
        """Samples without a best model count as having any."""
        if not self.sound or 100 * (1 - len(self.sound) / len(self.samples)) > LOW:
            return Interval(0, math.inf)
        return interval([law.best(flops).parameters for law in self.sound])

    def best_loss(self, flops: float) -> Interval | None:
        """Of each sample at its own best model; None where none has one."""
        if not self.sound:
            return None
        bests = [(law, law.best(flops)) for law in self.sound]
        return interval([law.loss(best.parameters, best.tokens) for law, best in bests])

    def band(self, flops: float, sizes: Sequence[float]) -> tuple[list[float], list[float]]:
        """The interval of the loss at this budget, for each size of a model; empty where no sample
        has one."""
        if not self.sound:
            return [], []
        losses = [[law.loss(size, flops / (FLOPS * size)) for size in sizes] for law in self.sound]
        low, high = np.percentile(losses, [LOW, HIGH], axis=0)
        return low.tolist(), high.tolist()

    def refusal(self, flops: float) -> str:
        """Why it says nothing about this budget: "degenerate", "wide", or nothing."""
        if not (self.is_told and is_sound(self.law)):
            return "degenerate"
        return "wide" if self.best_parameters(flops).ratio > WIDEST else ""


def is_sound(law: Law) -> bool:
    """Whether both parameters and tokens make a difference by it, within what numbers hold."""
    low, high = EXPONENTS
    exponents = low < law.alpha < high and low < law.beta < high
    factors = all(1e-6 < factor < 1e30 for factor in as_row(law)[1:3])
    return exponents and factors and all(is_spent(law, flops) for flops in BUDGETS)


def is_spent(law: Law, flops: float) -> bool:
    """Whether the best model for a budget is one at all: no power of it leaves all numbers."""
    parameters = law.scale * float((flops / FLOPS) ** law.exponent)
    if not 1 / LARGEST < parameters < LARGEST:
        return False
    return 1 / LARGEST < flops / FLOPS / parameters < LARGEST


def interval(values: Sequence[float]) -> Interval:
    low, high = np.percentile(values, [LOW, HIGH])
    return Interval(float(low), float(high))
