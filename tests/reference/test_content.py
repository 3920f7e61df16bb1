"""What comes with the hub is whole: translated, linked, and about what there is."""

from __future__ import annotations

import pytest

from llmhub.checklists import terms as of_checklists
from llmhub.metrics import terms as of_metrics
from llmhub.recipes import terms as of_recipes
from llmhub.reference.content import library
from llmhub.reference.entries import Concept, Entry, Kind, Term, Text
from llmhub.reference.gaps import gaps

CHECKS = [gaps, of_recipes.gaps, of_metrics.gaps, of_checklists.gaps]
NAMES = [check.__module__ for check in CHECKS]


@pytest.mark.parametrize("check", CHECKS, ids=NAMES)
def test_the_reference_lacks_nothing(check):
    assert list(check(library())) == []


def library_with(term: Term | None = None, concept: Concept | None = None):
    entries = {kind: {} for kind in Kind}
    texts = {"en": Text(title="One", short="One."), "fr": Text(title="Un", short="Un.")}
    for kind, facts in ((Kind.TERM, term), (Kind.CONCEPT, concept)):
        if facts:
            entries[kind]["one"] = Entry(kind, "one", facts, texts)
    return entries


@pytest.mark.parametrize(
    ("check", "facts"),
    [
        (of_recipes.gaps, {"fields": ("training.colour",)}),
        (of_metrics.gaps, {"metrics": ("train/colour",)}),
        (of_checklists.gaps, {"items": ("security/colour",)}),
    ],
    ids=["field", "metric", "item"],
)
def test_what_is_not_there_cannot_be_spoken_of(check, facts):
    for entries in (library_with(term=Term(**facts)), library_with(concept=Concept(**facts))):
        assert [gap for gap in check(entries) if "there is no “" in gap and "colour" in gap]


@pytest.mark.parametrize(
    "text",
    [
        "objective =",
        "objective = colour",
        "objective in (dpo, colour)",
        "config.lora.colour > 0",
        "state = running",
        "last(train/loss) < 3",
        "baseline",
        "archived",
    ],
)
def test_a_concept_asks_only_what_recipes_and_runs_have(text):
    assert list(of_metrics.unfit(text))


@pytest.mark.parametrize("text", ["", "not objective = dpo", "has config.lora.rank"])
def test_a_concept_may_ask_for_values_and_objectives(text):
    assert not list(of_metrics.unfit(text))
