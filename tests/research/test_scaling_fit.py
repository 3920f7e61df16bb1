"""A law fitted to runs: what was planted is found, and what cannot be known is not said."""

import random

import pytest

from llmhub.research.scaling import BESIROGLU
from llmhub.research.scaling_fit import Fitted, Point, fit, lacks
from tests.research.pretrained import planted


@pytest.fixture(scope="module")
def exact() -> Fitted:
    return Fitted.of(fit(planted(), samples=20))


@pytest.fixture(scope="module")
def noisy() -> Fitted:
    return Fitted.of(fit(planted(noise=0.01), samples=60))


def test_the_law_of_planted_runs_is_found(exact):
    for name, value, between in exact.constants():
        assert between.low <= value * 1.001, name
        assert between.high >= value * 0.999, name
    assert exact.law.alpha == pytest.approx(BESIROGLU.alpha, rel=1e-3)
    assert exact.law.irreducible == pytest.approx(BESIROGLU.irreducible, rel=1e-3)
    best = BESIROGLU.best(1e18)
    assert exact.law.best(1e18).parameters == pytest.approx(best.parameters, rel=1e-3)


def test_noise_widens_the_interval_which_still_holds_the_truth(exact, noisy):
    truth = BESIROGLU.best(1e18).parameters
    between = noisy.best_parameters(1e18)
    assert between.ratio > 1.05 * exact.best_parameters(1e18).ratio
    assert between.low < truth < between.high
    assert noisy.refusal(1e18) == ""


def test_an_interval_is_wider_farther_from_the_runs(noisy):
    assert noisy.best_parameters(1e24).ratio > noisy.best_parameters(1e17).ratio


def test_the_same_runs_give_the_same_law():
    few = planted(sizes=(1e6, 4e6, 16e6), ratios=(5, 20), noise=0.01)
    assert fit(few, samples=3) == fit(few, samples=3)


def test_losses_that_are_only_noise_give_no_optimum():
    chance = random.Random(3)
    runs = [Point(p.parameters, p.tokens, chance.uniform(2, 4)) for p in planted()]
    assert Fitted.of(fit(runs, samples=20)).refusal(1e18)


def kinds(points) -> list[str]:
    return [lack.kind for lack in lacks(points)]


def test_too_few_runs_are_told_what_is_missing():
    assert kinds([]) == ["runs"]
    [runs, parameters] = lacks(planted(sizes=(1e6,), ratios=(5, 20, 60)))
    assert (runs.kind, runs.above) == ("runs", 2)
    assert (parameters.kind, parameters.above, parameters.below) == ("parameters", 4e6, 2.5e5)


def test_the_same_place_twice_is_one_point():
    twice = planted(sizes=(1e6, 8e6), ratios=(5, 20)) * 2
    assert kinds(twice) == ["runs"]


def test_runs_on_as_many_tokens_each_lack_a_range():
    runs = [Point(n, 1e8, 3.0) for n in (1e6, 2e6, 4e6, 8e6, 16e6)]
    assert kinds(runs) == ["tokens"]


def test_tokens_in_step_with_parameters_tell_nothing_apart():
    assert kinds(planted(ratios=(20,))) == ["apart"]
    assert kinds(planted()) == []
