import pytest

from llmhub.accounts import services
from llmhub.accounts.models import Membership, Project, Role
from tests.accounts.conftest import signed_in
from tests.factories import join, make_project, make_user


def test_whoever_makes_a_project_is_its_admin_and_in_it_at_once(as_charlie, charlie):
    as_charlie.post("/projects/new/", {"name": "Café Zürich"})
    project = Project.objects.get(slug="cafe-zurich")
    assert Membership.objects.get(project=project, user=charlie).role == Role.ADMIN
    assert as_charlie.get("/people/").context["current_project"] == project


@pytest.mark.parametrize("name", ["Atlas", "atlas", "ATLAS!"])
def test_a_taken_slug_gets_a_number(atlas, alice, name):
    assert services.create_project(name, alice).slug == "atlas-2"


def test_a_name_without_letters_gets_a_slug_too(alice):
    assert services.create_project("数据", alice).slug == "project"


def test_an_empty_name_is_refused(as_alice, atlas):
    assert as_alice.post("/projects/new/", {"name": " "}).context["form"].errors["name"]
    assert Project.objects.count() == 1


def test_switching_is_remembered(as_alice, alice):
    join(alice, make_project("zephyr"), Role.VIEWER)
    assert as_alice.get("/people/").context["current_project"].slug == "atlas"
    assert as_alice.post("/projects/zephyr/switch/").url == "/"
    assert as_alice.get("/people/").context["current_project"].slug == "zephyr"


def test_a_link_into_a_project_stays_there(as_alice, alice):
    join(alice, make_project("zephyr"), Role.VIEWER)
    as_alice.get("/people/?project=zephyr")
    assert as_alice.get("/people/").context["current_project"].slug == "zephyr"


def test_a_refreshing_part_of_an_older_page_does_not_switch(as_alice, alice):
    join(alice, make_project("zephyr"), Role.VIEWER)
    as_alice.get("/?project=zephyr", headers={"hx-request": "true"})
    assert as_alice.get("/people/").context["current_project"].slug == "atlas"


def test_nobody_switches_to_a_project_they_are_not_in(as_charlie, atlas):
    assert as_charlie.post("/projects/atlas/switch/").status_code == 404
    assert as_charlie.get("/people/").context["current_project"].slug == "borealis"


def test_who_was_removed_is_no_longer_in_the_project_they_switched_to(as_bob, bob, atlas):
    as_bob.post("/projects/atlas/switch/")
    Membership.objects.filter(user=bob).delete()
    assert as_bob.get("/people/").context["current_project"] is None


@pytest.mark.parametrize("path", ["/people/", "/tokens/"])
def test_a_person_in_no_project_is_told_how_to_get_into_one(db, path):
    client = signed_in(make_user("dora@example.com"))
    page = client.get(path)
    assert page.status_code == 200
    assert "/projects/new/" in page.content.decode()
    assert client.post(path).status_code == 404
