"""The palette and the page, as a person gets them."""

from __future__ import annotations

import re

import pytest
from django.template import engines

from llmhub.accounts.models import Membership, Role
from llmhub.dashboard.templatetags.hub import NAVIGATION, TABS
from llmhub.search import commands
from llmhub.search.kinds import TITLES
from llmhub.search.sources import SOURCES
from tests.factories import (
    join,
    make_external_run,
    make_item,
    make_model_version,
    make_project,
    make_run,
    make_template,
)
from tests.search.world import one_of_every_kind


def text_of(response) -> str:
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", response.content.decode()))


def palette(browser, text: str = "", **more: str) -> str:
    return browser.get("/search/palette/", {"q": text} | more).content.decode()


def hrefs(html: str) -> list[str]:
    return re.findall('role="option"[^>]* href="([^"]*)"', html)


def test_each_result_leads_to_its_page(browser, atlas):
    one_of_every_kind(atlas, "zanzibar")

    results = [url for url in hrefs(palette(browser, "zanzibar")) if url != "/compare/"]

    assert len(results) >= len(SOURCES) - 2
    for url in results:
        assert browser.get(url).status_code == 200, url


def test_as_many_queries_whatever_is_found(
    browser, atlas, django_assert_num_queries, django_assert_max_num_queries
):
    palette(browser, "zanzibar")
    with django_assert_max_num_queries(7) as of_nothing:
        palette(browser, "zanzibar")
    for number in range(3):
        one_of_every_kind(atlas, f"zanzibar-{number}")

    with django_assert_num_queries(len(of_nothing)):
        palette(browser, "zanzibar")
    with django_assert_num_queries(len(of_nothing) + 1):
        browser.get("/search/?q=zanzibar")


def test_matches_are_marked_and_all_else_is_escaped(browser, atlas):
    run = make_external_run(atlas, name="<b>Été</b> warm", notes="x" * 300 + " ete & co")

    html = palette(browser, "ete")

    assert f'href="/runs/{run.pk}/"' in html
    assert "&lt;b&gt;<mark>Été</mark>&lt;/b&gt; warm" in html
    assert "<mark>ete</mark> &amp; co" in html
    assert "xxx" not in html


def test_a_text_of_the_other_language_shows_why_something_was_found(browser, atlas):
    title = {"en": "Looked at for unfairness", "fr": "Examiné pour les biais"}
    make_template(make_item(title=title), project=atlas)

    assert "<mark>biais</mark>" in palette(browser, "biais")
    assert "biais" not in palette(browser, "unfairness")


def test_a_viewer_is_offered_what_a_viewer_may_do(browser, alice, atlas):
    assert "/runs/new/" in hrefs(palette(browser))
    Membership.objects.filter(user=alice).update(role=Role.VIEWER)

    offered = hrefs(palette(browser))

    assert "/compare/" in offered
    assert not {"/runs/new/", "/datasets/new/", "/audit/"} & {*offered}


def test_an_approver_reaches_the_audit_log(browser, alice):
    Membership.objects.filter(user=alice).update(role=Role.APPROVER)

    assert hrefs(palette(browser, "audit")) == ["/audit/"]


def test_every_entry_of_the_navigation_and_every_tab_is_a_place():
    named = {name for name, _ in NAVIGATION} | {tab for tabs in TABS.values() for tab in tabs}
    named |= tabs_of_templates()

    assert named - {entry.name for entry in commands.PLACES} == set()


def tabs_of_templates() -> set[str]:
    """Those of the lists that stand as tabs on their pages."""
    (folder,) = engines["django"].engine.dirs
    found: set[str] = set()
    for path in folder.glob("*/_lists.html"):
        found |= set(re.findall(r"{% url '([\w-]+)' as", path.read_text()))
    assert {"pipelines", "reviews", "glossary"} <= found
    return found


def test_what_one_begins_to_type_finds_commands(browser):
    assert hrefs(palette(browser, "launch pi")) == ["/pipelines/new/"]
    assert 'data-does="theme"' in palette(browser, "dark")


def test_other_projects_can_be_gone_to_and_their_rows_say_where_they_are(browser, alice):
    elsewhere = make_project("elsewhere", name="Blue team")
    join(alice, elsewhere, Role.VIEWER)
    one_of_every_kind(elsewhere, "zanzibar")

    assert hrefs(palette(browser, "project blue")) == ["/?project=elsewhere"]
    html = palette(browser, "zanzibar")
    assert "Blue team · " in html
    assert "/datasets/zanzibar-text/?project=elsewhere" in hrefs(html)


def test_what_was_opened_comes_first_as_far_as_it_is_still_there(browser, atlas):
    run, gone = make_external_run(atlas, name="first"), make_external_run(atlas, name="gone")
    hidden = make_run(make_project("elsewhere"), name="hidden")
    model = make_model_version(run).model
    gone.delete()
    opened = f"model-{model.pk},run-{gone.pk},run-{hidden.pk},run-{run.pk},x-1,run-,run-é,run-1²,,"

    html = palette(browser, opened=opened)

    assert hrefs(html)[:3] == [f"/models/{model.pk}/", f"/runs/{run.pk}/", "/runs/new/"]
    assert "hidden" not in html


def test_the_page_counts_each_kind_and_pages_through_one(browser, atlas):
    for number in range(35):
        make_external_run(atlas, name=f"warm-{number}")

    page = text_of(browser.get("/search/?q=warm"))
    second = browser.get("/search/?q=warm&kind=run&page=2").content.decode()

    assert "Runs: all 35" in page
    assert len(re.findall("data-item", second)) == 5
    assert "31–35 of 35" in second
    assert "page=1" in second


def test_more_than_are_counted_are_said_to_be_more(browser, atlas, monkeypatch):
    monkeypatch.setattr("llmhub.search.finding.COUNTED", 7)
    monkeypatch.setattr("llmhub.search.views.COUNTED", 7)
    for number in range(9):
        make_external_run(atlas, name=f"warm-{number}")

    assert "Runs: more than 7" in text_of(browser.get("/search/?q=warm"))


def test_an_empty_search_says_what_to_look_for_and_one_that_fails_what_to_try(browser):
    assert "What are you looking for?" in text_of(browser.get("/search/"))
    nothing = text_of(browser.get("/search/?q=zanzibar<b>"))
    assert "Nothing was found for “zanzibar&lt;b&gt;”" in nothing
    assert "Try fewer words" in nothing
    assert "Nothing begins with or contains “zanzibar”" in palette(browser, "zanzibar")


def test_a_search_that_is_cut_says_so(browser):
    words = " ".join(f"word{number}" for number in range(12))

    assert "Only the first 8 words were looked for" in text_of(
        browser.get("/search/", {"q": words})
    )


@pytest.mark.parametrize("kind", ["", "run", "nonsense", "\x00", "entry"])
def test_an_odd_kind_is_no_error(browser, kind):
    assert browser.get("/search/", {"q": "warm", "kind": kind}).status_code == 200


def test_every_source_has_a_title():
    assert [source.kind for source in SOURCES] == list(TITLES)


def test_the_box_is_on_every_page_of_a_project_and_is_a_link_without_scripts(browser):
    page = browser.get("/recipes/").content.decode()

    assert re.search(r'<search-palette [^>]*data-url="/search/palette/"', page)
    assert re.search(r'<a [^>]*href="/search/"', page)
    assert '<form action="/search/" role="search">' in page


def test_a_command_of_just_this_name_stands_first(browser):
    assert hrefs(palette(browser, "runs"))[0] == "/runs/"
    assert hrefs(palette(browser, "compare runs"))[0] == "/compare/"
