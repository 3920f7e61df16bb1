"""Views of the runs table under a name: whose they are, and what the page opens with."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from llmhub.accounts.models import Role
from llmhub.dashboard.models import SavedView
from tests.factories import join, make_run, make_user

WANTED = {"filter": "state = failed", "columns": "state,tags", "sort": "name"}


@pytest.fixture
def bob(atlas):
    user = make_user("bob@example.com")
    join(user, atlas, Role.VIEWER)
    browser = Client()
    browser.force_login(user)
    return browser


def save(client, name, **said):
    return client.post(reverse("view_new"), {"name": name, **WANTED, **said})


def test_a_view_keeps_what_the_page_shows_under_an_address_that_says_all(client, atlas, alice):
    answer = save(client, "Broken")
    view = SavedView.objects.get()
    assert (view.owner, view.name, view.filter) == (alice, "Broken", "state = failed")
    assert answer["Location"].startswith(
        "/runs/?filter=state+%3D+failed&columns=state,tags&sort=name"
    )
    page = client.get(answer["Location"]).content.decode()
    assert '<summary class="button">Broken</summary>' in page


def test_a_private_view_is_seen_by_its_owner_alone(client, bob):
    save(client, "Mine")
    save(client, "Ours", shared="on")
    page = bob.get(reverse("runs")).content.decode()
    assert "Ours" in page
    assert "Mine" not in page
    mine = SavedView.objects.get(name="Mine")
    assert bob.post(reverse("view_delete", args=[mine.pk])).status_code == 404


def test_a_viewer_saves_for_themselves_only(bob):
    assert save(bob, "Mine").status_code == 302
    assert save(bob, "Ours", shared="on").status_code == 403
    assert SavedView.objects.count() == 1


def test_the_page_opens_with_the_default_and_the_persons_own_comes_first(client, bob):
    save(client, "Ours", shared="on", is_default="on")
    assert "filter=state" in bob.get(reverse("runs"))["Location"]
    save(bob, "Mine", filter="tag = mine", is_default="on")
    assert "filter=tag" in bob.get(reverse("runs"))["Location"]
    assert bob.get(reverse("runs"), {"view": "all"}).status_code == 200


def test_only_one_view_is_the_default(client):
    save(client, "First", is_default="on")
    save(client, "Second", is_default="on")
    assert SavedView.objects.get(is_default=True).name == "Second"


def test_a_view_is_renamed_and_takes_over_the_page(client, atlas):
    save(client, "Old")
    view = SavedView.objects.get()
    said = {"name": "New", "filter": "tag = x", "columns": "", "sort": "-name"}
    client.post(reverse("view_change", args=[view.pk]), said)
    view.refresh_from_db()
    assert (view.name, view.filter, view.sort) == ("New", "tag = x", "-name")


def test_two_views_cannot_have_one_name(client):
    save(client, "Same")
    answer = client.post(reverse("view_new"), {"name": "Same", **WANTED}, follow=True)
    assert "There is another view “Same”." in answer.content.decode()
    assert SavedView.objects.count() == 1


def test_a_deleted_view_comes_back_unless_its_name_was_taken(client):
    save(client, "Gone")
    view = SavedView.objects.get()
    page = client.post(reverse("view_delete", args=[view.pk]), follow=True).content.decode()
    restore = reverse("view_restore", args=[view.pk])
    assert f'formaction="{restore}"' in page
    client.post(restore)
    assert SavedView.objects.get(deleted_at=None) == view
    client.post(reverse("view_delete", args=[view.pk]))
    save(client, "Gone")
    answer = client.post(restore, follow=True)
    assert "There is another view “Gone”." in answer.content.decode()


def test_a_name_of_a_view_is_text(client):
    name = "<img src=x>"
    save(client, name)
    page = client.get(reverse("runs")).content.decode()
    assert name not in page
    assert escape(name) in page
    client.post(reverse("view_delete", args=[SavedView.objects.get().pk]))
    assert name not in client.get(reverse("runs")).content.decode()


@pytest.mark.parametrize("view", ["999999", "x", "9" * 30, "-1"])
def test_a_view_that_is_not_there_counts_as_not_said(client, atlas, view):
    make_run(atlas)
    assert len(client.get(reverse("runs"), {"view": view}).context["rows"]) == 1
