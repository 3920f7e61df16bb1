import numpy as np
import pytest

from workers.data.report.distribution import Distribution


def of(*parts) -> Distribution:
    distribution = Distribution()
    for part in parts:
        distribution.add(np.array(part, dtype=np.int64))
    return distribution


def test_figures_are_those_of_all_parts_together():
    found = of(range(1, 51), range(51, 101)).result()
    assert (found["mean"], found["min"], found["max"]) == (50.5, 1, 100)
    assert found["percentiles"] == {str(p): p for p in (1, 5, 25, 50, 75, 90, 95, 99)}


def test_every_size_is_in_the_bin_whose_edges_enclose_it():
    draw = np.random.default_rng(0)
    sizes = np.concatenate([[0, 0, 65_535, 65_536], draw.lognormal(6, 2, 5_000).astype(np.int64)])
    found = of(sizes).result()["histogram"]
    exact, _ = np.histogram(sizes[sizes < 60_000], bins=found["edges"])
    upto = np.searchsorted(found["edges"], 60_000) - 1
    assert found["counts"][:upto] == exact[:upto].tolist()
    assert sum(found["counts"]) == len(sizes)
    assert found["edges"][0] == 0
    assert found["edges"][-1] == sizes.max() + 1


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 1_000_003, 2**34])
def test_a_single_size_is_its_own_percentile(size):
    found = of([size] * 3).result()
    assert found["percentiles"]["50"] == pytest.approx(size, rel=0.011)
    assert sum(found["histogram"]["counts"]) == 3
    assert found["histogram"]["edges"] == sorted(set(found["histogram"]["edges"]))


def test_counts_those_above_a_size():
    distribution = of([5, 5, 6, 7])
    assert [distribution.above(size) for size in (4, 5, 6, 7)] == [4, 2, 1, 0]


def test_of_nothing_there_are_no_figures():
    assert of([]).result() == {}
