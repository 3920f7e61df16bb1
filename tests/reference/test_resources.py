"""The page of resources: the hub's by purpose, and what a team adds."""

from __future__ import annotations

import html
import re

import pytest

from llmhub.reference.content import library
from llmhub.reference.entries import Kind, Resource
from llmhub.reference.models import OwnResource, Purpose
from llmhub.reference.resources import of_team
from tests.datasets.conftest import *  # noqa: F403
from tests.factories import make_resource
from tests.runs.browsing import fields

PAGE = "/reference/resources/"
GOOD = {
    "title": "Our manual",
    "url": "https://wiki.example.com/manual",
    "purpose": "tools",
    "notes": "**Read** it.",
    "terms": "Perplexity",
}


def text_of(answer) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def test_every_resource_of_the_hub_is_there_under_its_anchor(as_bob):
    page = as_bob.get(PAGE).content.decode()
    known = library()[Kind.RESOURCE]
    assert len(known) > 20
    for slug, entry in known.items():
        assert f'<li id="{slug}"' in page, slug
        assert f'href="{html.escape(entry.facts.url)}" rel="noopener noreferrer"' in page


def test_the_purposes_of_a_team_are_those_of_the_hub():
    kinds = Resource.model_fields["purpose"].annotation.__args__
    assert set(Purpose.values) == set(kinds)


def test_a_member_adds_a_resource_that_the_team_reads(as_bob, as_vera, atlas):
    answer = as_bob.post(f"{PAGE}new/", GOOD)
    row = OwnResource.objects.get()
    assert answer.url == f"{PAGE}?project=atlas#own-{row.pk}"
    assert (row.project, row.created_by.name, row.terms) == (atlas, "Bob", ["perplexity"])
    page = as_vera.get(PAGE)
    assert "<strong>Read</strong> it." in page.content.decode()
    assert "Our manual" in text_of(page)
    assert "Edit" not in text_of(page)


def test_another_projects_resources_are_not_seen(as_charlie, atlas):
    row = make_resource(atlas, title="Secret manual")
    assert "Secret manual" not in as_charlie.get(PAGE).content.decode()
    assert as_charlie.get(f"{PAGE}{row.pk}/edit/").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"url": "javascript:alert(1)"}, "https:// or http://"),
        ({"url": "file:///etc/passwd"}, "https:// or http://"),
        ({"url": "example.com"}, "https:// or http://"),
        ({"url": "https://"}, "https:// or http://"),
        ({"url": "http://[::1"}, "https:// or http://"),
        ({"url": "https://bob:secret@example.com/"}, "Leave the name and the password out"),
        ({"url": "https://bob@example.com/"}, "Leave the name and the password out"),
        ({"url": "https://example.com/" + "a" * 500}, "at most 500"),
        ({"url": "https://example.com/a\x00b"}, "Null characters are not allowed"),
        ({"title": ""}, "This field is required"),
        ({"title": "a" * 121}, "at most 120"),
        ({"title": "\u200b"}, "cannot be seen"),
        ({"title": "\u202egnp.txt"}, "cannot be seen"),
        ({"title": "man\u00adual"}, "cannot be seen"),
        ({"notes": "a" * 5001}, "at most 5000"),
        ({"purpose": "fun"}, "fun"),
        ({"terms": "perplexity, flux capacitor"}, "The glossary does not have: flux capacitor."),
    ],
)
def test_what_cannot_be_a_resource_is_refused_and_stays_typed(as_bob, wrong, reason):
    answer = as_bob.post(f"{PAGE}new/", GOOD | wrong)
    assert answer.status_code == 422
    assert reason in text_of(answer)
    kept = answer.context["form"]
    assert {name: kept[name].value() for name in wrong} == wrong
    assert not OwnResource.objects.exists()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.example.com/a", "example.com"),
        ("https://\u0430\u0440\u0440\u04cf\u0435.com/", "xn--80ak6aa92e.com"),
        ("https://" + "\u0430" * 63 + ".com/", "%D0%B0" * 63 + ".com"),
    ],
)
def test_a_host_is_named_as_it_is_asked_for(atlas, url, host):
    assert of_team(make_resource(atlas, url=url)).host == host


def test_notes_cannot_run_anything(as_bob, atlas):
    make_resource(atlas, notes="<script>alert(1)</script> [x](javascript:alert(1))")
    page = as_bob.get(PAGE).content.decode()
    assert "<script>alert" not in page
    assert 'href="javascript' not in page


def test_an_edit_shows_what_is_there_and_changes_it(as_bob, atlas):
    row = make_resource(atlas, terms=["perplexity"])
    form = fields(as_bob.get(f"{PAGE}{row.pk}/edit/"))
    assert form["terms"] == "Perplexity"
    as_bob.post(f"{PAGE}{row.pk}/edit/", form | {"title": "New manual"})
    row.refresh_from_db()
    assert (row.title, row.terms, row.revision) == ("New manual", ["perplexity"], 2)


def test_of_two_who_edit_at_once_the_later_loses_nothing(as_bob, as_alice, atlas):
    row = make_resource(atlas)
    form = fields(as_bob.get(f"{PAGE}{row.pk}/edit/"))
    as_alice.post(f"{PAGE}{row.pk}/edit/", form | {"title": "Alice's"})
    answer = as_bob.post(f"{PAGE}{row.pk}/edit/", form | {"title": "Bob's"})
    assert answer.status_code == 422
    assert "Somebody changed it" in text_of(answer)
    assert fields(answer)["title"] == "Bob's"
    row.refresh_from_db()
    assert row.title == "Alice's"


def test_a_revision_that_is_no_number_is_an_old_one(as_bob, atlas):
    row = make_resource(atlas)
    form = fields(as_bob.get(f"{PAGE}{row.pk}/edit/"))
    answer = as_bob.post(f"{PAGE}{row.pk}/edit/", form | {"revision": "x"})
    assert "Somebody changed it" in text_of(answer)


def test_new_lines_count_once(as_bob):
    as_bob.post(f"{PAGE}new/", GOOD | {"notes": "\r\n".join(["x"] * 2_500)})
    assert OwnResource.objects.get().notes == "\n".join(["x"] * 2_500)


def test_a_deleted_resource_can_be_had_back(as_bob, atlas):
    row = make_resource(atlas)
    page = as_bob.post(f"{PAGE}{row.pk}/delete/", follow=True).content.decode()
    undo = re.search(r'formaction="([^"]+)"', page)[1]
    assert f'id="own-{row.pk}"' not in page
    assert as_bob.get(f"{PAGE}{row.pk}/edit/").status_code == 404
    assert f'id="own-{row.pk}"' in as_bob.post(undo, follow=True).content.decode()


def test_a_viewer_changes_nothing(as_vera, atlas):
    row = make_resource(atlas)
    assert as_vera.post(f"{PAGE}new/", GOOD).status_code == 403
    assert as_vera.post(f"{PAGE}{row.pk}/delete/").status_code == 403
    assert OwnResource.objects.listed().count() == 1


def test_more_resources_cost_no_more_queries(as_bob, atlas, django_assert_num_queries):
    make_resource(atlas)
    as_bob.get(PAGE)
    with django_assert_num_queries(4):
        as_bob.get(PAGE)
    for _ in range(5):
        make_resource(atlas)
    with django_assert_num_queries(4):
        as_bob.get(PAGE)
