"""What the runs of a hypothesis say, and how sure that is."""

import pytest
from django.urls import reverse

from llmhub.research import evidence
from llmhub.research.evidence import Verdict, Why
from llmhub.research.models import Direction, Reading
from llmhub.runs.models import RunInput
from llmhub.runs.states import State
from tests.factories import (
    make_dataset_version,
    make_external_run,
    make_hypothesis,
    make_recipe_version,
)
from tests.research.seeded import ended, logged

pytestmark = pytest.mark.django_db

LOWER = {"metric": "val/loss", "direction": Direction.LOWER}


@pytest.fixture
def run(atlas):
    """Of one recipe and one dataset."""
    same = {
        "recipe_version": make_recipe_version(),
        "dataset_version": make_dataset_version(atlas),
    }
    return lambda value, **fields: ended(atlas, value, **same | fields)


@pytest.fixture
def of(atlas):
    def found(baselines, variants, **fields):
        return evidence.of(
            make_hypothesis(atlas, baselines=baselines, variants=variants, **LOWER | fields)
        )

    return found


def test_seeds_of_a_configuration_are_one_group_and_another_rate_is_another(run, of):
    base = [run(3.0, seed=1), run(3.1, seed=2)]
    slow = [run(2.5, seed=1, rate=2e-3), run(2.6, seed=2, rate=2e-3)]
    fast = [run(2.8, rate=5e-3)]
    found = of(base, [*slow, *fast])
    assert [one.group.n for one in found.variants] == [2, 1]
    assert found.baseline.mean == pytest.approx(3.05)
    assert not found.baseline.is_mixed
    [change] = found.variants[0].group.changes
    assert (change.name, change.old, change.new) == ("training.learning_rate", 1e-3, 2e-3)


def test_other_data_are_another_group(atlas, run, of):
    other = make_dataset_version(atlas, slug="other")
    found = of([run(3.0)], [run(2.9), run(2.8, dataset_version=other)])
    assert [one.group.other_data for one in found.variants] == [False, True]


def test_runs_from_other_checkpoints_are_other_groups(run, of):
    source, other = run(4.0), run(4.0)
    rows = [run(value, seed=seed) for seed, value in enumerate((2.9, 2.8, 2.7, 2.6))]
    starts = [(source, 10), (source, 10), (source, 20), (other, 10)]
    for one, (begun, step) in zip(rows, starts, strict=True):
        RunInput.objects.create(run=one, role=RunInput.RESUME, source=begun, step=step)
    found = of([run(3.0), run(3.1, seed=2)], rows)
    assert [one.group.n for one in found.variants] == [2, 1, 1]
    assert all(one.group.other_start for one in found.variants)
    assert of([run(3.0), rows[0]], []).baseline.is_mixed


def test_one_run_on_a_side_is_no_evidence(run, of):
    found = of([run(3.0), run(3.1, seed=2)], [run(1.0, rate=2e-3)])
    [one] = found.variants
    assert one.verdict == Verdict.ONE_RUN
    assert one.value == pytest.approx(-2.05)
    assert one.interval is None


def of_four(run, of, base, variant, **fields):
    first = [run(value, seed=seed) for seed, value in enumerate(base)]
    second = [run(value, seed=seed, rate=2e-3) for seed, value in enumerate(variant)]
    [one] = of(first, second, **fields).variants
    return one.verdict


def test_the_whole_interval_decides(run, of):
    assert of_four(run, of, [3.0, 3.02, 3.01], [2.0, 2.02, 2.01]) == Verdict.FOR
    assert of_four(run, of, [2.0, 2.02, 2.01], [3.0, 3.02, 3.01]) == Verdict.AGAINST
    assert of_four(run, of, [3.0, 2.0, 3.5], [2.9, 2.2, 3.3]) == Verdict.UNDECIDED


def test_a_difference_that_is_sure_and_too_small_speaks_against_it(run, of):
    values = ([3.0, 3.001, 3.002], [2.9, 2.901, 2.902])
    assert of_four(run, of, *values, threshold=0.05) == Verdict.FOR
    assert of_four(run, of, *values, threshold=0.5) == Verdict.AGAINST


@pytest.mark.parametrize("size", [9e99, 1.0, 1e-300])
def test_values_of_any_size_are_judged_alike(run, of, size):
    base = [size * share for share in (1, 0.9, 0.8)]
    assert of_four(run, of, base, [-value for value in base]) == Verdict.FOR
    assert of_four(run, of, base, [0.99 * value for value in base]) == Verdict.UNDECIDED


@pytest.mark.parametrize("size", [9e99, 1e-300])
def test_values_of_any_size_are_shown(as_alice, atlas, run, size):
    base = [run(size * share, seed=seed) for seed, share in enumerate((1, 0.9, 0.8))]
    other = [run(-size * share, seed=seed, rate=2e-3) for seed, share in enumerate((1, 0.9, 0.8))]
    found = make_hypothesis(atlas, baselines=base, variants=other, **LOWER)
    shown = as_alice.get(reverse("hypothesis", args=[found.pk]))
    assert "The whole interval lies where the hypothesis says." in shown.content.decode()


def test_higher_is_the_other_way_round(run, of):
    values = ([3.0, 3.02, 3.01], [2.0, 2.02, 2.01])
    assert of_four(run, of, *values, direction=Direction.HIGHER) == Verdict.AGAINST


def test_equal_runs_show_no_difference(run, of):
    assert of_four(run, of, [3.0, 3.0], [3.0, 3.0]) == Verdict.AGAINST


def test_only_runs_that_came_to_their_end_count(run, of, django_assert_num_queries):
    from django.utils import timezone

    rows = [
        run(3.0),
        run(9.0, state=State.RUNNING),
        run(9.0, state=State.FAILED),
        run(9.0, trashed_at=timezone.now()),
        run(float("nan")),
        run(1e300),
        run(None),
    ]
    found = of(rows, [])
    assert [row.why for row in found.rows] == [
        *(None, Why.RUNNING, Why.ENDED_EARLY, Why.TRASHED),
        *(Why.DIVERGED, Why.NO_VALUE, Why.NO_VALUE),
    ]
    assert found.baseline.values == [3.0]
    with django_assert_num_queries(3):
        evidence.of(found.hypothesis)


def test_the_best_value_counts_where_that_was_said(run, of):
    assert of([run(3.0)], [], reading=Reading.BEST).baseline.mean == pytest.approx(2.9)
    higher = of([run(3.0)], [], reading=Reading.BEST, direction=Direction.HIGHER)
    assert higher.baseline.mean == pytest.approx(4.0)


@pytest.mark.parametrize("last", [float("nan"), float("inf")])
def test_a_run_that_diverged_does_not_count_by_the_best_value_before(as_alice, atlas, run, last):
    base = run(3.0)
    gone = run(2.0, seed=2)
    gone.series.update(last=last, min=1.5, not_finite=3)
    found = make_hypothesis(atlas, baselines=[base, gone], reading=Reading.BEST, **LOWER)
    shown = as_alice.get(reverse("hypothesis", args=[found.pk])).content.decode()
    assert "diverged, its last value is no number: does not count" in shown
    assert "+ 1 that diverged" in shown
    assert evidence.of(found).baseline.values == pytest.approx([2.9])


def test_a_variant_that_is_the_baseline_again_tests_nothing(as_alice, atlas, run):
    base = [run(3.0), run(3.01, seed=2)]
    again = [run(2.0, seed=3), run(2.01, seed=4)]
    found = make_hypothesis(atlas, baselines=base, variants=again, **LOWER)
    [one] = evidence.of(found).variants
    assert (one.verdict, one.value, one.interval) == (Verdict.SAME, None, None)
    shown = as_alice.get(reverse("hypothesis", args=[found.pk])).content.decode()
    assert "tests nothing" in shown


def test_scripts_whose_configuration_says_nothing_are_judged(atlas, of):
    scripts = [make_external_run(atlas, State.SUCCEEDED) for _ in range(4)]
    for place, script in enumerate(scripts):
        logged(script, 3.0 - place)
    assert of(scripts[:2], scripts[2:]).variants[0].verdict == Verdict.UNDECIDED


@pytest.mark.parametrize(("groups", "is_told"), [(3, False), (4, True)])
def test_many_comparisons_are_told(as_alice, atlas, run, groups, is_told):
    base = [run(3.0), run(3.01, seed=2)]
    variants = [
        run(2.0 + seed, seed=seed, rate=2e-3 * (one + 1))
        for one in range(groups)
        for seed in (1, 2)
    ]
    found = make_hypothesis(atlas, baselines=base, variants=variants, **LOWER)
    shown = as_alice.get(reverse("hypothesis", args=[found.pk])).content.decode()
    assert ("look sure by chance" in shown) == is_told


def test_the_same_seed_twice_is_told(run, of):
    assert of([run(3.0), run(3.1)], []).shares_seeds
    assert not of([run(3.0), run(3.1, seed=2)], []).shares_seeds


def test_baselines_of_several_configurations_are_told(run, of):
    assert of([run(3.0), run(3.1, rate=9e-3)], []).baseline.is_mixed
