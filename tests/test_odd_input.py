"""Whatever an address or a body says, it is answered: nothing that is asked breaks the hub."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from tests.access_table import URLS, Door
from tests.test_access_matrix import Who, World, address

pytestmark = pytest.mark.django_db

ODD = {
    "NUL": "a%00b",
    "more digits than int() reads": "9" * 5_000,
    "more than a bigint": "9" * 19,
    "digits of another script": quote("٣"),
    "a digit that is no number": quote("²"),
    "half a surrogate pair": "%ed%a0%80",
}
QUERIES = {
    "audit/": ("about", "person", "act", "page", "project"),
    "api/v1/search": ("q", "limit"),
    "search/": ("q", "kind", "page", "project"),
    "search/palette/": ("q", "opened", "project"),
    "runs/": ("filter", "columns", "sort", "page", "view", "project"),
    "compare/": ("runs", "base"),
    "compare/marks/": ("runs",),
    "compare/figures/": ("runs", "name"),
    "compare/points.csv": ("runs", "name", "from", "to"),
    "compare/points.parquet": ("runs", "name", "from", "to"),
    "pipelines/": ("page", "project"),
    "playground/": ("left", "right", "project"),
    "research/": ("state", "track", "owner", "archived", "page", "project"),
    "research/hypotheses/new/": ("track", "runs", "project"),
    "research/hypotheses/link/": ("runs", "project"),
    "research/hypotheses/<int:hypothesis_id>/": ("find",),
    "runs/new/": (
        *("from", "recipe", "version", "project", "edit", "values", "scale", "name"),
        *("hypothesis", "part", "seed"),
    ),
    "api/v1/checklists": ("run", "state", "limit", "offset"),
    "research/scaling-laws/": (
        *("by", "flops", "hours", "device", "utilisation", "parameters", "tokens", "law", "size"),
        *("group", "counted", "recipe"),
    ),
    "recipes/<str:slug>/": ("version",),
    "recipes/<str:slug>/edit/": ("version",),
    "datasets/new/": ("dataset",),
    "datasets/<slug:slug>/": ("template",),
    "mixes/new/": ("template",),
    "mixes/<slug:slug>/": ("version", "recipe", "scale", "tokens"),
    "mixes/<slug:slug>/edit/": ("version",),
    "models/new/": ("checkpoint", "model"),
    "checklists/": ("show", "page", "project"),
    "checklists/<int:checklist_id>/do/<slug:name>/": ("item",),
    "checklists/templates/new/": ("template",),
    "checklists/templates/<slug:slug>/": ("version",),
    "evaluations/": ("model", "base", "project"),
    "evaluations/new/": ("versions", "tasks"),
    "evaluations/compare/": ("old", "new", "shown", "page"),
    "evaluations/<int:evaluation_id>/": ("shown", "page"),
    "evaluations/tasks/new/": ("kind",),
    "evaluations/reviews/new/": ("first", "second"),
    "api/v1/evaluations": ("version", "limit"),
    "api/v1/evaluations/compare": ("old", "new"),
    "api/v1/evaluations/<int:evaluation_id>/items": ("offset",),
    "runs/<int:run_id>/points/": ("since", "epoch", "names"),
    "runs/<int:run_id>/log/": ("attempt", "before", "after", "around"),
    "runs/<int:run_id>/log/search/": ("attempt", "before", "q"),
    "reference/demos/losses/": ("run",),
    "metrics/window/": ("runs", "name", "px", "from", "to", "x", "attempts"),
    "api/v1/metrics/window/": ("runs", "name", "px", "from", "to", "x", "attempts"),
    "account/login/": ("next",),
    "api/v1/runs": ("state", "filter", "limit", "offset"),
    "api/v1/runs/<int:run_id>/metrics": ("names",),
}
BODIES = ("a\x00b", "a\ud800b", "x" * 200 + "@" + "9" * 5_000)


def caller(world: World, door: Door) -> Client:
    """Alice by her session, or her script by its token."""
    client = Client(raise_request_exception=False)
    if door in {Door.API, Door.ATTEMPT}:
        who = Who.TOKEN if door == Door.API else Who.ATTEMPT
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {world.secrets[who]}"
    elif door == Door.SESSION:
        client.force_login(world.alice)
    return client


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("route", QUERIES)
def test_an_odd_query_is_answered(world, route, odd):
    rule = URLS[route]
    client = caller(world, rule.door)
    path = address(world, route, rule).partition("?")[0]
    good = "" if "from" in QUERIES[route] else "project=atlas&"
    for name in QUERIES[route]:
        base = "recipe=their-recipe&" if name == "version" else good
        answer = client.get(f"{path}?{base}{name}={odd}")
        assert answer.status_code < 500, name


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_path_is_answered(world, odd):
    for route, rule in URLS.items():
        path = re.sub(r"<\w+:\w+>", odd, route)
        if path != route:
            client = caller(world, rule.door)
            method = "get" if "GET" in rule.needs else "post"
            extra = {"content_type": "application/json"} if route.startswith("api") else {}
            answer = getattr(client, method)(f"/{path}", **extra)
            assert answer.status_code < 500, route


@pytest.mark.parametrize("odd", BODIES, ids=["NUL", "half a surrogate pair", "endless"])
@pytest.mark.parametrize("field", ["recipe", "dataset", "name", "scale", "overrides", "mix"])
def test_an_odd_launch_is_refused(world, field, odd):
    wish: dict[str, Any] = {
        "recipe": "their-recipe", "dataset": "their-text", "scale": "full", "name": "x",
    }  # fmt: skip
    overrides = {"overrides": {odd: 1}, "mix": {"data.mix": {odd: 1.0}}}.get(field)
    wish |= {"overrides": overrides} if overrides else {field: odd}
    client = caller(world, Door.API)
    answer = client.post("/api/v1/runs", json.dumps(wish), content_type="application/json")
    assert answer.status_code == 422
