"""The search of a script."""

from __future__ import annotations

import pytest
from django.test import Client

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from tests.factories import join, make_external_run, make_project


@pytest.fixture
def script(alice, atlas) -> Client:
    _, secret = tokens.create(alice, atlas, "laptop", [Scope.READ])
    return Client(headers={"Authorization": f"Bearer {secret}"})


def test_a_script_finds_what_its_project_has(script, atlas, alice):
    run = make_external_run(atlas, name="warm-up")
    elsewhere = make_project("elsewhere")
    join(alice, elsewhere, Role.ADMIN)
    make_external_run(elsewhere, name="warm-up there")

    found = script.get("/api/v1/search?q=warm").json()

    assert found == [
        {
            "kind": "run",
            "id": run.pk,
            "title": "warm-up",
            "url": f"/runs/{run.pk}/",
            "detail": "Running",
        }
    ]


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 422), ("?q=", 200), ("?q=%00", 200), ("?q=a&limit=0", 422), ("?q=a&limit=51", 422)],
)
def test_what_is_asked_wrongly_is_refused(script, query, status):
    answer = script.get(f"/api/v1/search{query}")

    assert answer.status_code == status
    assert status == 422 or answer.json() == []
