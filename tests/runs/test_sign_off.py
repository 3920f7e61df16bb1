"""A run that waits for its sign-off: on its page, planned anew, launched."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from llmhub.checklists import signing
from llmhub.checklists.models import LaunchRule
from llmhub.runs.models import Checkpoint, Run
from llmhub.runs.states import State
from tests.accounts.conftest import signed_in
from tests.factories import (
    PASSWORD,
    SMOKE_SPEC,
    join,
    make_attempt,
    make_dataset_version,
    make_item,
    make_recipe_version,
    make_run,
    make_template,
    make_user,
)
from tests.runs.browsing import fields, opened

pytestmark = pytest.mark.django_db
NEW = "/runs/new/?recipe=small"
RATE = "training.learning_rate"


@pytest.fixture(autouse=True)
def guarded(settings, atlas):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    LaunchRule.objects.create(project=atlas, parameters=1_000)
    make_template(
        make_item("code", depends=["code"]),
        make_item("speed", depends=["recipe"]),
        project=atlas,
        slug="before-training",
    )


@pytest.fixture
def cleo(atlas):
    user = make_user("cleo@example.com", PASSWORD)
    join(user, atlas, Role.APPROVER)
    return user


@pytest.fixture
def member(as_bob, atlas):
    make_recipe_version(SMOKE_SPEC, slug="small")
    make_dataset_version(atlas, slug="fables")
    return as_bob


@pytest.fixture
def run(member):
    """Launched from the form, and waiting."""
    member.post(NEW, opened(member, NEW))
    return Run.objects.get()


def sign(run, user, *keys):
    signing.sign(run.checklists.get(), keys or ["code", "speed"], user, "approve", PASSWORD)


def page(client, run):
    return client.get(f"/runs/{run.pk}/").content.decode()


def test_a_big_run_waits_and_its_page_says_for_what(member, run):
    assert run.state == State.AWAITING_SIGN_OFF
    shown = page(member, run)
    assert "Awaiting sign-off" in shown
    assert f"/checklists/{run.checklists.get().pk}/" in shown
    assert "2 items are open" in shown
    assert "Speed: Signatures are missing: 1 × Member." in shown
    assert f'action="/runs/{run.pk}/launch/"' in shown
    assert f'href="/runs/{run.pk}/edit/"' in shown


def test_a_launch_that_comes_too_early_says_what_is_open(member, run, cleo):
    sign(run, cleo, "code")
    answer = member.post(f"/runs/{run.pk}/launch/", follow=True)
    assert "Not launched: 1 item is still open." in answer.content.decode()
    assert Run.objects.get().state == State.AWAITING_SIGN_OFF


def test_a_signed_run_is_launched_from_its_page(member, run, cleo):
    sign(run, cleo)
    assert "the run can be launched" in page(member, run)
    answer = member.post(f"/runs/{run.pk}/launch/", headers={"HX-Request": "true"})
    assert "signed off and queued" in answer.content.decode()
    assert Run.objects.get().state == State.QUEUED
    shown = page(member, run)
    assert "Signed off" in shown
    assert f'action="/runs/{run.pk}/launch/"' not in shown


def test_a_waiver_stays_on_the_page_after_the_launch(member, run, cleo):
    sign(run, cleo, "code")
    until = timezone.localdate() + timedelta(days=3)
    signing.waive(run.checklists.get(), "speed", cleo, cleo, "Too <late>.", until, PASSWORD)
    member.post(f"/runs/{run.pk}/launch/")
    Run.objects.update(state=State.SUCCEEDED)
    shown = page(member, run)
    assert "Too &lt;late&gt;." in shown
    assert "answers for it until" in shown


def test_one_person_alone_is_marked(atlas, bob, member, run):
    bob.set_password(PASSWORD)
    bob.save()
    atlas.memberships.exclude(user=bob).delete()
    sign(run, bob)
    again = signed_in(bob)
    again.post(f"/runs/{run.pk}/launch/")
    assert "Solo" in page(again, run)


def test_the_form_of_an_edit_holds_the_values_of_the_run(member, run):
    Run.objects.update(name="Mine")
    form = opened(member, f"/runs/{run.pk}/edit/")
    assert (form["name"], form["scale"], form[RATE]) == ("Mine", run.scale, "0.002")
    assert form["dataset"] == str(run.dataset_version_id)


def test_an_edit_saves_the_same_run_and_voids_what_depends_on_it(member, run, bob, cleo):
    sign(run, cleo)
    address = f"/runs/{run.pk}/edit/"
    answer = member.post(address, opened(member, address) | {RATE: "0.5", "name": "Faster"})
    assert answer["Location"] == f"/runs/{run.pk}/"
    edited = Run.objects.get()
    assert (edited.name, edited.config["training"]["learning_rate"]) == ("Faster", 0.5)
    assert (edited.overrides, edited.state) == ({RATE: 0.5}, State.AWAITING_SIGN_OFF)
    assert "1 item is open" in page(member, run)
    again = opened(member, address)
    assert again[RATE] == "0.5"


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(member, run):
    address = f"/runs/{run.pk}/edit/"
    answer = member.post(address, opened(member, address) | {RATE: "-1"})
    assert answer.status_code == 422
    assert fields(answer)[RATE] == "-1"
    assert Run.objects.get().overrides == {}


def test_the_plan_follows_while_an_edit_is_typed(member, run):
    form = opened(member, f"/runs/{run.pk}/edit/")
    answer = member.post(f"/runs/new/plan/?edit={run.pk}", form | {RATE: "0.5"})
    assert "0.5" in answer.content.decode()


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.SUCCEEDED])
def test_what_was_launched_is_not_edited(member, run, state):
    form = opened(member, f"/runs/{run.pk}/edit/")
    Run.objects.update(state=state)
    assert member.get(f"/runs/{run.pk}/edit/")["Location"] == f"/runs/{run.pk}/"
    member.post(f"/runs/{run.pk}/edit/", form | {RATE: "0.5"})
    assert Run.objects.get().overrides == {}


def test_a_run_that_goes_on_from_a_checkpoint_keeps_it(member, atlas, bob, tmp_path):
    source = make_run(atlas, State.SUCCEEDED, created_by=bob)
    attempt, _secret = make_attempt(source, None)
    checkpoint = Checkpoint.objects.create(
        run=source, attempt=attempt, step=5, path=str(tmp_path), bytes=1, manifest_sha256="ab" * 32
    )
    start = f"/runs/new/?from={source.pk}&continue=1"
    member.post(start, opened(member, start))
    run = Run.objects.exclude(pk=source.pk).get()
    assert run.state == State.AWAITING_SIGN_OFF
    address = f"/runs/{run.pk}/edit/"
    answer = member.post(address, opened(member, address) | {"training.max_steps": "90"})
    assert answer.status_code == 302
    assert run.inputs.get().checkpoint == checkpoint
    assert Run.objects.get(pk=run.pk).total_steps == 90


def test_a_script_gets_a_waiting_run_back_with_the_address_of_its_checklist(
    member, run, atlas, bob, cleo
):
    _token, secret = tokens.create(bob, atlas, "script", list(Scope))
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def post(path, body):
        return client.post(f"/api/v1{path}", json.dumps(body), "application/json")

    made = post("/runs", {"recipe": "small", "dataset": "fables", "scale": "smoke"}).json()
    [address] = made["checklists"]
    assert made["state"] == "awaiting_sign_off"
    pk = int(address.strip("/").split("/")[-1])
    refusal = post(f"/runs/{made['id']}/launch", {})
    assert refusal.status_code == 422
    assert len(refusal.json()["fields"]["sign_off"]) == 2

    answer = post(f"/checklists/{pk}/sign", {"keys": ["code"], "password": PASSWORD})
    assert answer.status_code == 403
    assert "token cannot sign" in answer.json()["detail"]
    read = client.get(f"/api/v1/checklists/{pk}").json()
    assert (read["is_settled"], read["settled"], read["total"]) == (False, 0, 2)
    assert [item["state"] for item in read["items"]] == ["open", "open"]

    sign(Run.objects.get(pk=made["id"]), cleo)
    listed = client.get(f"/api/v1/checklists?run={made['id']}").json()
    assert [one["is_settled"] for one in listed["items"]] == [True]
    [signature] = client.get(f"/api/v1/checklists/{pk}").json()["items"][0]["signatures"]
    assert (signature["person"], signature["role"]) == (cleo.pk, "approver")
    assert post(f"/runs/{made['id']}/launch", {}).json()["state"] == "queued"
    assert post(f"/runs/{made['id']}/launch", {}).json()["state"] == "queued"


def test_only_members_launch_and_edit(run, atlas):
    vera = make_user("vera@example.com")
    join(vera, atlas, Role.VIEWER)
    client = signed_in(vera)
    assert client.post(f"/runs/{run.pk}/launch/").status_code == 403
    assert client.get(f"/runs/{run.pk}/edit/").status_code == 403
    shown = page(client, run)
    assert "items are open" in shown
    assert "/edit/" not in shown
