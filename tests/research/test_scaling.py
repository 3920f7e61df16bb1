"""The laws themselves: published numbers, and what they say of a budget."""

import math

import pytest

from llmhub.research import scaling
from llmhub.research.scaling import PUBLISHED, Law, Rule, choice, spent

GOPHER = 5.76e23


def test_approach_3_gives_40_billion_parameters_for_the_budget_of_gopher():
    """Hoffmann et al. 2022, figure 4 and table 3; their exponents are 0.46 and 0.54."""
    rule = PUBLISHED["hoffmann"]
    assert rule.best(GOPHER).parameters == pytest.approx(40e9, rel=0.02)
    assert rule.law.exponent == pytest.approx(0.46, abs=0.005)


def test_the_digits_of_the_papers_text_do_not_give_its_own_result():
    printed = Law(1.69, 406.4, 410.7, 0.34, 0.28)
    assert printed.best(GOPHER).parameters == pytest.approx(32.2e9, rel=0.01)


@pytest.mark.parametrize("key", ["besiroglu", "twenty"])
def test_the_others_agree_with_approaches_1_and_2_on_chinchilla(key):
    """67 billion parameters and 1.5 trillion tokens."""
    best = PUBLISHED[key].best(GOPHER)
    assert best.parameters == pytest.approx(67e9, rel=0.1)
    assert best.tokens == pytest.approx(1.5e12, rel=0.15)


@pytest.mark.parametrize("key", ["hoffmann", "besiroglu"])
@pytest.mark.parametrize("flops", [1e14, 1e19, 1e25])
def test_no_other_size_has_a_smaller_loss(key, flops):
    rule = PUBLISHED[key]
    best = rule.best(flops)
    assert best.flops == pytest.approx(flops)
    for factor in (0.98, 1.02):
        other = spent(flops, best.parameters * factor)
        assert rule.loss(other) > rule.loss(best)


@pytest.mark.parametrize("key", PUBLISHED)
def test_a_size_or_a_number_of_tokens_leads_back_to_its_budget(key):
    rule = PUBLISHED[key]
    best = rule.best(3e20)
    assert rule.for_parameters(best.parameters) == pytest.approx(3e20)
    assert rule.for_tokens(best.tokens) == pytest.approx(3e20)


def test_what_a_smaller_model_costs():
    rule = PUBLISHED["besiroglu"]
    best = rule.best(1e21)
    half = choice(rule, 1e21, best.parameters / 2)
    assert half.size == pytest.approx(0.5)
    assert half.loss > rule.loss(best)
    assert 0.5 < half.worth < 1 < half.same_loss
    cheaper = rule.best(half.worth * 1e21)
    assert rule.loss(cheaper) == pytest.approx(half.loss)
    tokens = half.same_loss * 1e21 / 6 / half.where.parameters
    assert rule.law.loss(half.where.parameters, tokens) == pytest.approx(rule.loss(best))


def test_a_model_far_too_small_never_becomes_as_good():
    rule = PUBLISHED["besiroglu"]
    assert choice(rule, 1e21, rule.best(1e21).parameters / 100).same_loss is None


def test_the_best_size_costs_nothing_more():
    rule = Rule(scaling.HOFFMANN)
    best = choice(rule, 1e21, rule.best(1e21).parameters)
    assert best.size == 1
    assert math.isclose(best.worth, 1, rel_tol=1e-6)
    assert math.isclose(best.same_loss, 1, rel_tol=1e-6)


def test_only_what_was_trained_counts_as_tested():
    assert not scaling.is_extended(spent(1e21, 1e9))
    assert scaling.is_extended(spent(1e21, 40e9))
    assert scaling.is_extended(spent(1e15, 1e6))
