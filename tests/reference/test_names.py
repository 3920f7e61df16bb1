"""Whether what entries name exists: recipe fields, metrics, items of checklists, filters."""

import pytest

from llmhub.checklists.content import load
from llmhub.lib.metric_names import DATA_SHARE, KNOWN
from llmhub.metrics.filters.conditions import apply
from llmhub.metrics.filters.names import spec_names
from llmhub.reference.content import library
from llmhub.reference.entries import Kind
from llmhub.runs.models import Run
from tests.factories import make_project

EXPLAINED = [*library()[Kind.TERM].values(), *library()[Kind.CONCEPT].values()]


def unknown(facts, known):
    """What the entries name that does not exist."""
    return {
        f"{entry.kind}/{entry.slug}: {name}"
        for entry in EXPLAINED
        for name in getattr(entry.facts, facts)
        if name not in known
    }


def test_entries_name_fields_that_recipes_have():
    assert not unknown("fields", {name.removeprefix("config.") for name in spec_names()})


def test_entries_name_metrics_that_trainings_report():
    assert not unknown("metrics", {*KNOWN, DATA_SHARE.name})


def test_entries_name_items_that_checklists_ask():
    items = {
        f"{template.slug}/{item.key}"
        for template in load()
        for group in template.content.groups
        for item in group.items
    }
    assert not unknown("items", items)


@pytest.mark.django_db
def test_the_runs_of_every_concept_can_be_asked_for():
    project = make_project("atlas")
    for concept in library()[Kind.CONCEPT].values():
        assert not apply(Run.objects.all(), concept.facts.runs, project, None).exists()
