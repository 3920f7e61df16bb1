"""Runs that were there before the metrics got shorter names keep their curves."""

from importlib import import_module

import pytest
from django.apps import apps

from llmhub.metrics import ingest, query
from llmhub.metrics.models import Series, Stream
from tests.factories import make_attempt, make_project, make_run

pytestmark = pytest.mark.django_db
migration = import_module("llmhub.metrics.migrations.0002_shorter_names")

OLD = {"train/loss": [3.0], "train/learning_rate": [1e-3], "train/tokens": [64.0]}


def logged(series):
    run = make_run(make_project(f"project-{Series.objects.count()}"))
    ingest.append(make_attempt(run)[0], 0, [1], [1000.0], series)
    return run


def curves(run):
    points = query.merged(Stream.objects.get(pk=run.pk))
    return {name: column.values.tolist() for name, column in points.series.items()}


def names(run):
    return set(run.series.values_list("name", flat=True))


def test_what_was_logged_under_the_old_names_is_found_under_the_new_ones():
    run = logged(OLD)
    migration.forwards(apps, None)
    assert names(run) == {"train/loss", "lr", "tokens"}
    assert curves(run) == {"train/loss": [3.0], "lr": [1e-3], "tokens": [64.0]}


def test_the_way_back_leads_to_what_was():
    run = logged(OLD)
    migration.forwards(apps, None)
    migration.backwards(apps, None)
    assert names(run) == OLD.keys()
    assert curves(run) == OLD


def test_a_script_that_logged_both_keeps_both():
    both = {"lr": [0.5], "train/learning_rate": [1e-3], "train/grad_norm": [2.0]}
    run, other = logged(both), logged(OLD)
    migration.forwards(apps, None)
    assert curves(run) == {"lr": [0.5], "train/learning_rate": [1e-3], "grad_norm": [2.0]}
    assert names(run) == curves(run).keys()
    assert curves(other)["lr"] == [1e-3]
