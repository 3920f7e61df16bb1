"""Models over the API: what a script can register, read and move."""

import json

import pytest
from django.test import Client

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from llmhub.registry.models import Model, ModelVersion
from llmhub.runs.states import State
from tests.factories import join, make_model_version, make_project, make_run, make_user
from tests.jobs.running import run_jobs
from tests.registry.made import make_checkpoint

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def without_sign_off(settings):
    """What has to be signed before a promotion is tried with the checklists."""
    settings.PROMOTION_GATE = "tests.gates.open_to_all"


@pytest.fixture
def atlas():
    return make_project("atlas")


@pytest.fixture
def ada(atlas):
    user = make_user("ada@example.com")
    join(user, atlas, Role.APPROVER)
    return user


@pytest.fixture
def api(atlas, ada):
    """GET without a body, POST with one; the answer's status and JSON."""
    _, secret = tokens.create(ada, atlas, "script", list(Scope))

    def ask(path, body=None):
        client, headers = Client(), {"Authorization": f"Bearer {secret}"}
        place = f"/api/v1/models{path}"
        answer = (
            client.get(place, headers=headers)
            if body is None
            else client.post(place, json.dumps(body), "application/json", headers=headers)
        )
        return answer.status_code, answer.json()

    return ask


@pytest.fixture
def run(atlas):
    return make_run(atlas, State.SUCCEEDED, name="Small GPT-2")


def test_a_checkpoint_is_registered_and_read_back(api, run, tmp_path):
    make_checkpoint(run, tmp_path)
    make_checkpoint(run, tmp_path, 40, val_loss=1.5)
    status, made = api("", {"run": run.pk, "name": "Mine"})
    assert (status, made["state"], made["step"]) == (202, "registering", 40)
    run_jobs()
    status, read = api(f"/{made['model']}/1")
    assert (status, read["state"], read["problem"]) == (200, "ready", "")
    assert {file["name"] for file in read["files"]} == {
        "config.json", "model.safetensors", "tokenizer.json",
    }  # fmt: skip
    assert read["facts"]["parameters"] == 12
    assert read["licence_unknown_of"] == [str(run.dataset_version)]
    assert read["figures"][0]["value"] == 1.5
    assert {"group": "Use", "title": "Known limits", "text": None, "doubt": ""} in read["card"]
    assert read["lineage"]["parts"][-1]["name"] == "Small GPT-2"
    status, second = api("", {"run": run.pk, "step": 20, "model": made["model"]})
    assert (status, second["number"]) == (202, 2)


def test_a_script_that_asks_again_gets_the_same_version(api, run, tmp_path):
    make_checkpoint(run, tmp_path)
    first, again = (api("", {"run": run.pk})[1] for _ in range(2))
    assert (first["model"], first["number"]) == (again["model"], again["number"])
    assert ModelVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"run": 999}, "run"),
        ({"run": 2**70}, "run"),
        ({"step": 7}, "step"),
        ({"step": 2**70}, "step"),
        ({"model": "nothing"}, "model"),
        ({"model": "a\0b"}, "model"),
        ({"name": "a\0b"}, "name"),
        ({"name": "taken"}, "name"),
        ({"more": 1}, "body.more"),
    ],
)
def test_what_is_wrong_is_named(api, atlas, run, tmp_path, wish, field):
    make_checkpoint(run, tmp_path)
    Model.objects.create(project=atlas, name="taken", slug="taken")
    status, refusal = api("", {"run": run.pk} | wish)
    assert status == 422
    assert next(iter(refusal["fields"])).endswith(field.rpartition(".")[2])
    assert not ModelVersion.objects.exists()


def test_a_version_is_promoted_and_rolled_back_with_its_history(api, run):
    first = make_model_version(run)
    make_model_version(run, first.model)
    slug = first.model.slug
    for number in (1, 2):
        status, _ = api(f"/{slug}/{number}/stage", {"stage": "production", "reason": "Next."})
        assert status == 200
    status, row = api(f"/{slug}/roll-back", {"reason": "Worse."})
    assert (status, row["version"], row["replaced"], row["is_rollback"]) == (200, 1, 2, True)
    assert row["by"] == "ada@example.com"
    status, model = api(f"/{slug}")
    assert [one["stage"] for one in model["all_versions"]] == ["retired", "production"]
    assert [one["reason"] for one in model["history"]] == ["Worse.", "Next.", "Next."]
    assert (model["production"], model["versions"]) == (1, 2)
    status, listed = api("")
    assert [(one["slug"], one["production"]) for one in listed] == [(slug, 1)]


def test_a_step_that_is_refused_says_why(api, run):
    slug = make_model_version(run).model.slug
    status, refusal = api(f"/{slug}/1/stage", {"stage": "production", "reason": " "})
    assert (status, [*refusal["fields"]]) == (422, ["reason"])
    assert api(f"/{slug}/1/stage", {"stage": "nowhere", "reason": "x"})[0] == 422
    assert api(f"/{slug}/roll-back", {"reason": "x"})[0] == 422
