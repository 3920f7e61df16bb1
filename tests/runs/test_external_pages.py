"""Every page that shows runs stands one that a script logs, in whatever state it is."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from llmhub.metrics import ingest
from llmhub.metrics.models import Series
from llmhub.runs import values_tree
from llmhub.runs.models import Run
from llmhub.runs.states import Outcome, State
from tests.factories import join, make_attempt, make_external_run, make_run, make_user

XSS = "<script>alert('run')</script>"
STATES = [
    State.RUNNING,
    State.UNREACHABLE,
    State.LOST,
    State.STOPPING,
    State.SUCCEEDED,
    State.FAILED,
    State.STOPPED,
]
CONFIG = {
    "lr": 3e-4,
    "model": {"layers": 2, "heads": {"query": 8}},
    "stages": [{"name": XSS}, {"name": "two"}],
    "betas": [0.9, 0.95],
    "data": {"mix": {"code": "much"}},
    "objective": "pretrain",
    "nothing": None,
}


@pytest.fixture
def browser(atlas):
    user = make_user()
    join(user, atlas)
    client = Client()
    client.force_login(user)
    return client


def logged(project, state, **fields):
    run = make_external_run(project, state, config=CONFIG, summary={"best": 1.5}, **fields)
    attempt, _secret = make_attempt(run, state)
    ingest.append(attempt, 0, [1, 2], [1.0, 2.0], {"train/loss": [3.0, 2.0], "mine/x": [1, 2]})
    run.step = 2
    if run.is_over():
        attempt.ended_at, attempt.outcome = timezone.now(), Outcome.SUCCEEDED
        attempt.receipt = {"logged": 4, "sent": 4, "acknowledged": XSS}
        attempt.save()
    Run.objects.filter(pk=run.pk).update(step=2)
    return run


def shown(browser, path, **kwargs):
    answer = browser.get(path, **kwargs)
    assert answer.status_code == 200, path
    text = answer.content.decode()
    assert XSS not in text
    return text


@pytest.mark.parametrize("state", STATES)
def test_its_own_page_has_what_it_has_and_nothing_else(browser, atlas, state):
    run = logged(atlas, state)
    text = shown(browser, reverse("run", args=[run.pk]))
    assert "Logged by a script" in text
    for tab in ("charts", "samples", "log", "config", "attempts"):
        assert f'href="#{tab}"' in text
    assert 'href="#checkpoints"' not in text
    assert "Launch again" not in text
    assert reverse("run_pause", args=[run.pk]) not in text
    assert (reverse("run_stop", args=[run.pk]) in text) == (not run.is_over())
    for part in ("run-head", "run-attempts", "run-checkpoints"):
        headers = {"HX-Request": "true", "HX-Target": part}
        shown(browser, reverse("run", args=[run.pk]), headers=headers)
    shown(browser, reverse("run_samples", args=[run.pk]))


@pytest.mark.parametrize("state", STATES)
def test_lists_comparison_and_workers_show_it(browser, atlas, state, worker):
    run, other = logged(atlas, state), make_run(atlas)
    for path in ("/", "/runs/", "/workers/", "/predictions/", "/runs/?q=script"):
        shown(browser, path)
    assert run.name in shown(browser, "/")
    assert run.name in shown(browser, "/runs/")
    text = shown(browser, f"/compare/?runs={run.pk},{other.pk}")
    assert run.name in text
    assert "model.heads.query" in text


def test_the_lineage_leads_over_external_runs(browser, atlas):
    first = logged(atlas, State.SUCCEEDED)
    second = logged(atlas, State.RUNNING, parent=first)
    for run in (first, second):
        assert 'href="#lineage"' in shown(browser, reverse("run", args=[run.pk]))


def test_the_figures_are_those_that_it_logs(browser, atlas):
    text = shown(browser, reverse("run", args=[logged(atlas, State.RUNNING).pk]))
    assert 'data-figure="train/loss">2<' in text
    assert 'data-figure="mine/x">2<' in text
    assert "0 of" not in text


def test_launching_it_again_is_not_offered_and_not_possible(browser, atlas):
    run = logged(atlas, State.SUCCEEDED)
    for query in (f"from={run.pk}", f"from={run.pk}&continue=1", f"from={run.pk}&step=1"):
        assert browser.get(f"/runs/new/?{query}").status_code == 404


def test_the_page_costs_the_same_with_much_in_it(browser, atlas):
    def cost(run):
        with CaptureQueriesContext(connection) as queries:
            shown(browser, reverse("run", args=[run.pk]))
        return len(queries)

    small = logged(atlas, State.RUNNING)
    large = logged(atlas, State.RUNNING)
    Run.objects.filter(pk=large.pk).update(config={f"k{n}": {"a": n} for n in range(300)})
    Series.objects.bulk_create(Series(run=large, name=f"m/{n}", last=1.0) for n in range(300))
    for _ in range(3):
        make_attempt(large)
    assert cost(large) <= cost(small)


def test_a_tree_keeps_the_nesting():
    groups = values_tree.tree(CONFIG).groups
    assert [group.name for group in groups] == ["", "data", "model", "stages"]
    assert [(row.name, row.depth, row.text) for row in groups[2].rows] == [
        ("heads", 0, None),
        ("query", 1, "8"),
        ("layers", 0, "2"),
    ]
    assert [(row.name, row.text) for row in groups[0].rows] == [
        ("betas", "[0.9, 0.95]"),
        ("lr", "0.0003"),
        ("nothing", "null"),
        ("objective", "pretrain"),
    ]


def test_a_huge_tree_says_how_much_it_leaves_out():
    tree = values_tree.tree({"a": {str(n): n for n in range(1_500)}, "b": 1})
    assert sum(len(group.rows) for group in tree.groups) == values_tree.MOST_ROWS
    assert tree.more == 501
