"""Which runs a filter finds, in a real database."""

import math
from contextlib import suppress
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmhub.metrics.filters.conditions import apply, condition
from llmhub.metrics.filters.errors import FilterError
from llmhub.metrics.models import Series
from llmhub.runs.models import Run
from llmhub.runs.states import State
from tests.factories import (
    SMOKE_SPEC,
    make_dataset_version,
    make_mix,
    make_project,
    make_recipe_version,
    make_run,
    make_user,
)
from tests.metrics.filters.test_parser import TREES

pytestmark = pytest.mark.django_db


def found(text, project, user=None):
    rows = apply(Run.objects.filter(project=project), text, project, user)
    return sorted(rows.values_list("name", flat=True))


def refused(text, project):
    with pytest.raises(FilterError) as caught:
        found(text, project)
    return caught.value


def with_config(project, name, **config):
    run = make_run(project, name=name)
    Run.objects.filter(pk=run.pk).update(config=config)
    return run


def with_figure(run, name, **figures):
    Series.objects.create(run=run, name=name, **({"count": 3} | figures))
    return run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["one", "two"]),
        ("state = running", ["one"]),
        ("state != running", ["two"]),
        ("state in (running, failed)", ["one", "two"]),
        ("state not in (running)", ["two"]),
        ("state = under_way", ["one"]),
        ("state = Over", ["two"]),
        ("name ~ ON", ["one"]),
        ("name !~ on", ["two"]),
        ("name = ONE", ["one"]),
        ("tag = baseline", ["one"]),
        ("tag != baseline", ["two"]),
        ("tag ~ base", ["one"]),
        ("has tag", ["one"]),
        ("not has tags", ["two"]),
        ("has notes", ["two"]),
        ("notes ~ 'look again'", ["two"]),
        ("person = alice", ["one"]),
        ("person = alice@example.com", ["one"]),
        ("person != alice", ["two"]),
        ("recipe = llama", ["one"]),
        ("recipe = llama@1", ["one"]),
        ("recipe = llama@2", []),
        ("recipe ~ llam", ["one"]),
        ("dataset = novels", ["one"]),
        ("dataset = blend", ["two"]),
        ("dataset != novels", ["two"]),
        ("objective = pretrain and scale = smoke", ["one", "two"]),
        ("scale = full", []),
        ("step > 10", ["one"]),
        ("step >= 1k", []),
        ("duration > 1h", ["one"]),
        ("duration < 1h30min", []),
        ("not duration > 1h", ["two"]),
        ("created < 7d ago", ["two"]),
        ("created > 7d ago", ["one"]),
        ("created = today", ["one"]),
        ("ended > 2020-01-01", []),
        ("not ended > 2020-01-01", ["one", "two"]),
        ("created >= 2020-01-01T10:30 and created <= today", ["one", "two"]),
        ("one", ["one"]),
        ("baseline", ["one"]),
        ("novel", ["one"]),
        ("one or two", ["one", "two"]),
        ("(one or two) and not one", ["two"]),
        ("id > 0 and id < 1e300", ["one", "two"]),
    ],
)
def test_fields_find_what_they_say(atlas, alice, text, expected):
    now = timezone.now()
    make_run(
        atlas, name="one", state=State.RUNNING, tags=["baseline", "x"], created_by=alice,
        recipe_version=make_recipe_version(slug="llama"), step=20, created_at=now,
        dataset_version=make_dataset_version(atlas, slug="novels"),
        started_at=now - timedelta(hours=2),
    )  # fmt: skip
    mix = make_mix(atlas, {"a": make_dataset_version(atlas)}, slug="blend")
    make_run(
        atlas, name="two", state=State.FAILED, notes="Look again at it", mix_version=mix,
        dataset_version=None, created_at=now - timedelta(days=9),
    )  # fmt: skip
    assert found(text, atlas, alice) == expected


def test_me_is_who_asks(atlas, alice):
    make_run(atlas, name="hers", created_by=alice)
    make_run(atlas, name="his", created_by=make_user("bob@example.com"))
    assert found("person = me", atlas, alice) == ["hers"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("config.lr < 3e-4", ["low"]),
        ("config.lr <= 0.1", ["high", "low"]),
        ("config.lr = 0.1", ["high"]),
        ("config.lr != 0.1", ["empty", "low", "odd"]),
        ("not config.lr < 3e-4", ["empty", "high", "odd"]),
        ("config.lr < inf", ["high", "low"]),
        ("config.lr > -1e999", ["high", "low"]),
        ("config.lr = nan", []),
        ("has config.lr", ["high", "low", "odd"]),
        ("config.lr = fast", ["odd"]),
        ("config.lr ~ FAS", ["odd"]),
        ("config.lr ~ '.'", []),
        ("config.on = true", ["low"]),
        ("config.on = false", ["high"]),
        ("config.layers = b", ["low"]),
        ("config.deep.er.est > 1", ["low"]),
        ("config.est > 1", ["low"]),
        ("config.er.est > 1", ["low"]),
        ("'config.with space' = 1", ["high"]),
        ("config.training.learning_rate > 0", []),
        ("config.learning_rate > 0", []),
        ("config.lr in (0.1, 1e-4)", ["high", "low"]),
        ("config.date > '2026-01'", ["high"]),
    ],
)
def test_values_of_configs_are_compared_and_odd_ones_match_nothing(atlas, text, expected):
    with_config(atlas, "low", lr=1e-4, on=True, layers=["a", "b"], deep={"er": {"est": 2}})
    with_config(atlas, "high", lr=0.1, on=False, **{"with space": 1}, date="2026-11-01")
    with_config(atlas, "odd", lr="fast", deep="not deep")
    with_config(atlas, "empty", other={}, lr=None)
    assert found(text, atlas) == expected


def test_a_name_in_several_places_must_say_which(atlas):
    make_run(atlas, spec=SMOKE_SPEC)
    error = refused("config.dropout > 0", atlas)
    assert (error.start, error.end) == (0, 14)
    assert error.nearest == ["config.lora.dropout", "config.model.dropout"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("last(val/loss) < 3", ["low"]),
        ("last(val/loss) > 2", ["broken", "high", "low"]),
        ("not last(val/loss) < 3", ["broken", "high", "nan", "none"]),
        ("last(val/loss) = nan", ["nan"]),
        ("last(val/loss) > nan", []),
        ("last(val/loss) = inf", ["broken"]),
        ("min(val/loss) < 2", ["low"]),
        ("max(val/loss) >= 9", ["low"]),
        ("count(val/loss) > 2", ["broken", "high", "low", "nan"]),
        ("has last(val/loss)", ["broken", "high", "low", "nan"]),
        ("last(val/loss) < 3 or name = none", ["low", "none"]),
    ],
)
def test_metrics_are_compared_by_their_summaries(atlas, text, expected):
    with_figure(make_run(atlas, name="low"), "val/loss", last=2.5, min=1.5, max=9.0)
    with_figure(make_run(atlas, name="high"), "val/loss", last=4.0, min=4.0, max=5.0)
    with_figure(make_run(atlas, name="nan"), "val/loss", last=math.nan)
    with_figure(make_run(atlas, name="broken"), "val/loss", last=math.inf)
    make_run(atlas, name="none")
    assert found(text, atlas) == expected


def test_what_is_archived_or_in_the_trash_is_seen_when_it_is_asked_for(atlas):
    now = timezone.now()
    make_run(atlas, name="here")
    make_run(atlas, name="old", archived_at=now)
    make_run(atlas, name="thrown", trashed_at=now)
    assert found("", atlas) == ["here"]
    assert found("archived", atlas) == ["old"]
    assert found("archived or not archived", atlas) == ["here", "old"]
    assert found("trashed", atlas) == ["thrown"]
    assert found("not trashed", atlas) == ["here"]


@pytest.mark.parametrize(
    ("text", "start", "end", "near"),
    [
        ("stat = running", 0, 4, "state"),
        ("state = runing", 8, 14, "running"),
        ("learning_rate < 3", 0, 13, "config.training.learning_rate"),
        ("config.learning_rat < 3", 0, 19, "config.training.learning_rate"),
        ("name = a and last(val/los) < 3", 13, 26, "last(val/loss)"),
        ("my/metric > 2", 0, 9, "last(my/metric)"),
        ("step > many", 7, 11, None),
        ("last(val/loss) < low", 17, 20, None),
        ("last(val/loss) ~ 3", 17, 18, None),
        ("name < 3", 7, 8, None),
        ("created > soon", 10, 14, None),
        ("created > 2026-13-45", 10, 20, None),
        ("created < 9999999d ago", 10, 22, None),
        ("created < 7d", 10, 12, None),
        ("duration > 3", 11, 12, None),
        ("config.training.learning_rate < slow", 32, 36, None),
        ("recipe = gpt@new", 9, 16, None),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_nearest_name(atlas, text, start, end, near):
    with_figure(make_run(atlas), "my/metric", last=1.0)
    error = refused(text, atlas)
    assert (error.start, error.end) == (start, end)
    if near:
        assert near in error.nearest


def test_metrics_and_configs_of_other_projects_are_not_known(atlas):
    other = make_project("borealis")
    with_figure(make_run(other), "secret/metric", last=1.0)
    with_config(other, "theirs", secret_value=1)
    assert refused("last(secret/metrik) > 0", atlas).nearest == []
    assert refused("last(secret/metric) > 0", atlas).nearest == []
    assert refused("config.secret_valu = 1", atlas).nearest == []


PLAIN = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PLAIN
@given(st.text(max_size=60))
def test_any_text_is_answered_or_refused(atlas, text):
    with suppress(FilterError):
        found(text, atlas)


@PLAIN
@given(TREES)
def test_any_tree_is_answered_or_refused(atlas, node):
    with suppress(FilterError):
        list(Run.objects.filter(condition(node, atlas, None)))


SAID = st.sampled_from([
    "1e999", "-1e999", "nan", "inf", "1_0", "1e-400", "9" * 30, "é", "true", "none", "0.1s", "1e5k",
    "2026-02-30", "0001-01-01", "9999-12-31", "9999-12-31T23:59+14:00", "999999999w ago",
    "10000d ago", "''", "'a\\\\'", "'%'", "'$.\"'", "x", "me", "@", "llama@" + "9" * 20,
])  # fmt: skip
LEFT = st.sampled_from([
    "name", "state", "tag", "notes", "recipe", "objective", "scale", "dataset", "person",
    "pipeline", "created", "started", "ended", "duration", "step", "steps", "id",
    "config.training.seed", "config.objective", "last(val/loss)", "min(val/loss)", "max(val/loss)",
    "count(val/loss)",
])  # fmt: skip
SIGNS = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "~", "!~"])


@PLAIN
@given(LEFT, SIGNS, SAID)
def test_every_field_stands_every_value(atlas, left, sign, said):
    with suppress(FilterError):
        found(f"{left} {sign} {said}", atlas)
