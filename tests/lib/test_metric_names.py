"""The vocabulary of the curves: every name is one, and the derived ones are found again."""

import pytest

from llmhub.lib import metric_names
from llmhub.lib.metric_names import KNOWN, Metric


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_known_metric_can_be_stored_and_says_what_it_is(name):
    metric = KNOWN[name]
    assert metric_names.is_valid(name)
    assert metric.title
    assert metric.help.endswith(".")


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("train/loss", "val/loss"),
        ("train/accuracy", "val/accuracy"),
        ("rewards/chosen", "val/rewards/chosen"),
        ("ppo/kl", "val/ppo/kl"),
    ],
    ids=lambda name: name,
)
def test_the_twin_of_a_metric_is_of_the_validation_data(name, twin):
    assert metric_names.val(name) == twin


def test_what_validations_measure_is_known_with_the_meaning_of_its_twin():
    twins = [metric for metric in KNOWN.values() if metric.is_twin]
    assert {twin.name for twin in twins} >= {
        "val/accuracy",
        "val/rewards/margin",
        "val/logps/chosen",
    }
    for twin in twins:
        pairs = [one for one in KNOWN.values() if metric_names.val(one.name) == twin.name]
        assert [(one.title, one.help) for one in pairs] == [(twin.title, twin.help)]


def test_every_metric_that_is_named_here_is_known():
    named = [value for value in vars(metric_names).values() if isinstance(value, Metric)]
    assert {metric.name for metric in named} - KNOWN.keys() == {"data/share"}


@pytest.mark.parametrize(
    "source",
    ["books", "Web crawl/2024 été", "../..", "", "x" * 500, "\0\n"],
    ids=["plain", "odd", "dots", "empty", "long", "control"],
)
def test_the_share_of_any_source_has_a_name_that_can_be_stored(source):
    name = metric_names.data_share(source)
    assert name.startswith("data/share/")
    assert metric_names.is_valid(name)


@pytest.mark.parametrize("name", ["", " ", "/a", "a b", "a" * 201, "é", "a\n", None, 3], ids=repr)
def test_what_is_no_name_is_refused(name):
    assert not metric_names.is_valid(name)
