"""Against published values and against what the numbers are made of."""

import math

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from llmhub.lib import significance


def answers(*right: int) -> np.ndarray:
    return np.array([[one, 1] for one in right], dtype=float)


@pytest.mark.parametrize(
    ("right", "items", "low", "high"),
    # Newcombe 1998, table I; and all of ten.
    [(81, 263, 0.2553, 0.3662), (1, 29, 0.0061, 0.1718), (10, 10, 0.7225, 1.0)],
)
def test_wilson_as_published(right, items, low, high):
    found = significance.wilson(right, items)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


def test_an_exact_sign_test_is_the_tail_of_a_binomial():
    """8 gained and 2 lost: 2 x (1 + 10 + 45) / 1024."""
    assert significance.sign_test(8, 2) == pytest.approx(112 / 1024)
    assert significance.sign_test(5, 5) == 1
    assert significance.sign_test(0, 0) == 1


def test_mcnemar_looks_only_where_two_versions_differ():
    first = answers(*[1] * 50, *[0] * 8, 1, 1)
    second = answers(*[1] * 50, *[1] * 8, 0, 0)
    found = significance.mcnemar(first, second)
    assert found.p == pytest.approx(112 / 1024)
    assert found.value == pytest.approx(6 / 60)
    assert found.low < found.value < found.high


def test_a_difference_that_all_items_agree_on_is_significant():
    first = np.array([[2.0 + i % 3, 1.0] for i in range(50)])
    second = first - [0.1, 0.0]
    found = significance.paired_bootstrap(first, second, significance.ratio)
    assert found.value == pytest.approx(-0.1)
    assert found.low == pytest.approx(-0.1)
    assert found.p < 0.01


def test_noise_is_not_significant():
    generator = np.random.default_rng(7)
    first, second = (np.stack([generator.normal(2, 1, 200), np.ones(200)], 1) for _ in range(2))
    found = significance.paired_bootstrap(first, second, significance.ratio)
    assert found.p > 0.05
    assert found.low < 0 < found.high


def test_the_bootstrap_of_a_mean_is_as_wide_as_theory_says():
    generator = np.random.default_rng(7)
    rows = np.stack([generator.normal(2, 1, 400), np.ones(400)], 1)
    found = significance.bootstrap(rows, significance.ratio)
    assert found.high - found.low == pytest.approx(2 * 1.96 / math.sqrt(400), rel=0.15)


def test_bleu_of_summed_counts_is_that_of_the_corpus():
    written = ["the cat sat on the mat", "a dog ran", "nothing in common"]
    references = [["the cat sat on a mat", "the dog ran away", "something else"]]
    metric = BLEU()
    rows = []
    for answer, reference in zip(written, references[0], strict=True):
        found = metric.sentence_score(answer, [reference])
        rows.append([found.sys_len, found.ref_len, *found.counts, *found.totals])
    (score,) = significance.bleu(np.array(rows, dtype=float).sum(0, keepdims=True))
    assert score == pytest.approx(metric.corpus_score(written, references).score)


def test_holm_is_stricter_with_more_comparisons():
    assert significance.holm([0.01]) == [0.01]
    assert significance.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.7062), (2.9, 4.3027), (10, 2.2281), (20, 2.0860), (21, 2.0796), (60, 2.0003)],
)
def test_students_quantiles_are_those_of_the_tables(freedom, quantile):
    assert significance.student(freedom) == pytest.approx(quantile, abs=5e-4)


def test_a_mean_of_few_values_is_less_sure_than_the_normal_distribution_says():
    found = significance.mean_interval([3.1, 3.2, 3.15])
    # 4.3027 standard errors of 0.05 / sqrt(3).
    assert (found.low, found.high) == pytest.approx((3.0258, 3.2742), abs=1e-4)
    assert significance.mean_interval([3.1]) is None


def test_welchs_interval_holds_whatever_the_spread_of_each():
    first, second = [3.1, 3.2, 3.15], [2.9, 3.0, 2.95, 3.02]
    found = significance.difference_of_means(first, second)
    # 4.68 degrees of freedom, of which 4 are taken: 2.7764 standard errors of 0.03945.
    assert (found.low, found.high) == pytest.approx((-0.2920, -0.0730), abs=1e-4)
    assert significance.difference_of_means(first, [2.9]) is None
    for scale in (1e-90, 1e90):
        scaled = ([scale * value for value in values] for values in (first, second))
        wide = significance.difference_of_means(*scaled)
        assert wide.low / scale == pytest.approx(found.low)
    same = significance.difference_of_means([1.0, 1.0], [2.0, 2.0])
    assert (same.low, same.high) == (1.0, 1.0)
