"""Hypotheses over the public API."""

import pytest
from django.test import Client
from django.utils import timezone

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from tests.factories import join, make_hypothesis, make_project, make_run, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def atlas():
    return make_project("atlas")


@pytest.fixture
def ask(atlas):
    user = make_user("alice@example.com")
    join(user, atlas, Role.MEMBER)
    secret = tokens.create(user, atlas, "script", [Scope.READ, Scope.LAUNCH])[1]
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def asked(path, body=None):
        address = f"/api/v1/hypotheses{path}"
        if body is None:
            return client.get(address)
        return client.post(address, body, content_type="application/json")

    return asked


def test_they_are_listed_with_their_runs_and_only_those_of_the_project(ask, atlas):
    found = make_hypothesis(atlas, baselines=[make_run(atlas)])
    make_hypothesis(make_project("elsewhere"))
    [told] = ask("").json()
    assert (told["id"], told["state"], told["runs"][0]["part"]) == (found.pk, "open", "baseline")
    assert ask("?state=refuted").json() == []
    assert ask("?state=odd").status_code == 422


def test_a_run_is_linked_once(ask, atlas):
    found, run = make_hypothesis(atlas), make_run(atlas)
    for _again in range(2):
        answer = ask(f"/{found.pk}/runs/{run.pk}", {"part": "baseline", "note": "first"})
        assert answer.status_code == 200
    assert answer.json()["runs"] == [{"run": run.pk, "part": "baseline", "note": "first"}]


def test_a_run_of_another_project_is_not_there(ask, atlas):
    found, theirs = make_hypothesis(atlas), make_run(make_project("elsewhere"))
    assert ask(f"/{found.pk}/runs/{theirs.pk}", {}).status_code == 404
    mine = f"/{found.pk}/runs/{make_run(atlas).pk}"
    assert ask(mine, {"part": "odd"}).status_code == 422
    for note in ("x" * 300, "x" * 60_000, "x\0"):
        refused = ask(mine, {"note": note})
        assert (refused.status_code, [*refused.json()["fields"]]) == (422, ["note"])


def test_a_run_in_the_trash_is_not_linked(ask, atlas):
    found = make_hypothesis(atlas)
    run = make_run(atlas, trashed_at=timezone.now())
    refused = ask(f"/{found.pk}/runs/{run.pk}", {})
    assert (refused.status_code, [*refused.json()["fields"]]) == (422, ["run"])
    assert not found.links.exists()


def test_only_one_by_itself_has_its_long_texts(ask, atlas):
    found = make_hypothesis(atlas, notes="Because.")
    assert "notes" not in ask("").json()[0]
    assert ask(f"/{found.pk}").json()["notes"] == "Because."
