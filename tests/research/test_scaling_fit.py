"""A law fitted to runs: what was planted is found, and what cannot be known is not said."""

import random

import pytest

from llmhub.research.scaling import BESIROGLU, Rule, choice
from llmhub.research.scaling_fit import NO_LAW, Fitted, Point, again, fit, lacks
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
    [runs, parameters, sizes] = lacks(planted(sizes=(1e6,), ratios=(5, 20, 60)))
    assert (runs.kind, runs.above) == ("runs", 5)
    assert (sizes.kind, sizes.above) == ("sizes", 2)
    assert (parameters.kind, parameters.above, parameters.below) == ("parameters", 4e6, 2.5e5)


def test_the_same_place_twice_is_one_point():
    twice = planted(sizes=(1e6, 8e6, 64e6), ratios=(5, 20)) * 2
    assert kinds(twice) == ["runs"]


def test_runs_on_as_many_tokens_each_lack_a_range():
    runs = [Point(2.0**power, 1e8, 3.0) for power in range(20, 28)]
    assert kinds(runs) == ["tokens", "lengths"]


def test_tokens_in_step_with_parameters_tell_nothing_apart():
    sizes = [2.0**power for power in range(20, 28)]
    assert kinds(planted(sizes=sizes, ratios=(20,))) == ["apart"]
    assert kinds(planted()) == []


def grid(sizes, lengths, seed=1) -> list[Point]:
    """With losses that are half a percent off."""
    chance = random.Random(seed)
    return [
        Point(n, d, BESIROGLU.loss(n, d) * (1 + chance.gauss(0, 0.005)))
        for n in sizes
        for d in lengths
    ]


ONE_APART = grid([1e6], (5e6, 2e7, 6e7, 2e8)) + grid([8e6], [1e8])
TWO_SIZES = grid((1e6, 8e6), (5e6, 2e7, 6e7, 2e8, 6e8, 2e9))


@pytest.mark.parametrize("runs", [ONE_APART, TWO_SIZES])
def test_two_sizes_leave_the_law_open(runs):
    assert "sizes" in kinds(runs)
    fitted = Fitted.of(fit(runs, samples=2))
    assert not fitted.is_told
    assert fitted.refusal(1e18) == "degenerate"


def test_two_lengths_leave_the_law_open():
    runs = grid((1e6, 4e6, 16e6, 64e6), (1e8, 1e9))
    assert kinds(runs) == ["lengths"]
    assert Fitted.of(fit(runs, samples=2)).refusal(1e18) == "degenerate"


def test_sizes_that_are_nearly_equal_count_as_one():
    assert kinds(grid((1e6, 1.1e6, 1.2e6, 8e6), (2e7, 1e8, 5e8))) == ["sizes"]


@pytest.mark.parametrize(
    ("sizes", "lengths"),
    [((1e6, 8e6, 64e6), (2e7, 2e8, 2e9)), ((1e6, 4e6, 16e6, 64e6), (2e7, 1e8, 5e8, 25e8))],
)
def test_a_grid_of_three_by_three_holds_the_truth(sizes, lengths):
    runs = grid(sizes, lengths)
    assert kinds(runs) == []
    fitted = Fitted.of(fit(runs, samples=30))
    assert fitted.refusal(1e18) == ""
    between = fitted.best_parameters(1e18)
    assert between.low < BESIROGLU.best(1e18).parameters < between.high


def test_a_sample_that_lost_a_size_has_no_law():
    assert again(TWO_SIZES, BESIROGLU) == NO_LAW


def extreme(chance: random.Random) -> list[float]:
    factors = [10 ** chance.uniform(-300, 300) for _ in range(3)]
    exponents = [chance.choice([chance.uniform(-3, 3), 0.0, 0.0201, 1.999]) for _ in range(2)]
    near = [1.8, *(10 ** chance.uniform(-6, 30) for _ in range(2))]
    return [*chance.choice([factors, near]), *exponents]


def test_no_law_whatever_its_numbers_leaves_what_numbers_hold():
    chance = random.Random(1)
    laws = [extreme(chance) for _ in range(600)]
    told = 0
    for row in laws:
        fitted = Fitted.of({"law": row, "samples": [row, *laws[:20]]})
        fitted.constants()
        for flops in (1e12, 1e30):
            sizes = [1e-3, 1e9, 1e20]
            fitted.best_parameters(flops)
            fitted.best_loss(flops)
            fitted.band(flops, sizes)
            if fitted.refusal(flops) != "degenerate":
                told += 1
                rule = Rule(fitted.law)
                best = rule.best(flops)
                for size in (*sizes, best.parameters):
                    choice(rule, flops, size)
                rule.for_parameters(1e15), rule.for_tokens(1e15)
    assert told > 20


def test_a_fit_without_any_sound_sample_has_no_band():
    fitted = Fitted.of({"law": [1.8, 480, 2000, 0.34, 0.36], "samples": [[0.0] * 5] * 3})
    assert fitted.band(1e18, [1e6]) == ([], [])
    assert fitted.best_loss(1e18) is None
    assert fitted.refusal(1e18) == "wide"
