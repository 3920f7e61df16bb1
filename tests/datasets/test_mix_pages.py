import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmhub.datasets import mixes
from llmhub.datasets.mix_plan_form import TokensField
from llmhub.datasets.models import DatasetVersion, Mix, MixPart, MixVersion, Tokenization
from llmhub.recipes import services as recipe_services
from tests.factories import join, make_dataset_version, make_project

Row = tuple[str, DatasetVersion | None, str]


@pytest.fixture
def books(atlas) -> DatasetVersion:
    return make_dataset_version(atlas, "x" * 4_000, slug="novels")


@pytest.fixture
def mix(atlas, bob, books) -> Mix:
    """Three quarters books, of which there are about 900 tokens, and an open slot."""
    parts = [
        MixPart(slot="books", weight=0.75, dataset_version=books),
        MixPart(slot="code", weight=0.25),
    ]
    return mixes.create(atlas, bob, {"name": "Base", "description": ""}, parts)


def posted(*rows: Row, **more) -> dict[str, str]:
    """What the browser sends for rows of slot, data and weight."""
    data = {"parts-TOTAL_FORMS": str(len(rows)), "parts-INITIAL_FORMS": "0"}
    for place, (slot, version, weight) in enumerate(rows):
        data[f"parts-{place}-slot"] = slot
        data[f"parts-{place}-dataset_version"] = str(version.pk) if version else ""
        data[f"parts-{place}-weight"] = weight
    return data | {"base": "1", "name": "Base", "description": ""} | more


def text(answer) -> str:
    """What a reader sees, in one line."""
    page = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(html.unescape(page).split())


def rows_of(page: str) -> dict[str, str]:
    """The rows of the table of sources as text, by slot."""
    rows = re.findall(r'<tr data-slot="(.*?)".*?>(.*?)</tr>', page, re.DOTALL)
    return {slot: " ".join(re.sub(r"<[^>]+>", " ", row).split()) for slot, row in rows}


def queries(client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_an_empty_list_says_what_to_do_and_to_a_viewer_who_can(as_bob, as_vera):
    assert "/mixes/new/" in as_bob.get("/mixes/").content.decode()
    page = as_vera.get("/mixes/").content.decode()
    assert "A member of the project can add one" in page
    assert "/mixes/new/" not in page


def test_the_list_shows_the_newest_version_its_slots_and_licences(as_vera, bob, mix, books):
    licensed = make_dataset_version(mix.project, "y")
    licensed.dataset.licence = "CC-BY-4.0"
    licensed.dataset.save()
    parts = [
        MixPart(slot="books", weight=0.5, dataset_version=books),
        MixPart(slot="papers", weight=0.25, dataset_version=licensed),
        MixPart(slot="code", weight=0.25),
    ]
    mixes.save_version(mix, parts, bob, base=1)
    make_elsewhere = make_project("elsewhere")
    mixes.create(make_elsewhere, bob, {"name": "Secret", "description": ""}, [])
    page = text(as_vera.get("/mixes/"))
    assert re.search(r"Base 2 2 of 3 .* unknown CC-BY-4.0", page)
    assert "Secret" not in page


def test_the_list_asks_as_many_queries_for_many_mixes_as_for_few(as_bob, bob, mix, atlas):
    few = queries(as_bob, "/mixes/")
    for name in "abc":
        data = make_dataset_version(atlas, name)
        part = MixPart(slot="all", weight=1.0, dataset_version=data)
        mixes.create(atlas, bob, {"name": name, "description": ""}, [part])
    assert queries(as_bob, "/mixes/") == few


def test_the_page_of_a_mix_asks_as_many_queries_for_many_parts_as_for_few(
    as_bob, bob, atlas, mix, books
):
    recipe_services.sync()
    few = queries(as_bob, "/mixes/base/?tokens=1000")
    data = [make_dataset_version(atlas, text) for text in "abcdefg"]
    parts = [MixPart(slot=str(v.pk), weight=1 / 7, dataset_version=v) for v in data]
    for version in data:
        Tokenization.objects.create(version=version, choice={}, figures={"tokens": {"training": 1}})
    mixes.save_version(mix, parts, bob, base=1)
    mixes.save_version(mix, parts[::-1], bob, base=2)
    assert queries(as_bob, "/mixes/base/?tokens=1000") == few


def test_the_form_asks_as_many_queries_for_many_rows_as_for_few(as_bob, bob, atlas, mix):
    few = queries(as_bob, "/mixes/base/edit/")
    data = [make_dataset_version(atlas, text) for text in "abcdefg"]
    parts = [MixPart(slot=str(v.pk), weight=1 / 7, dataset_version=v) for v in data]
    mixes.save_version(mix, parts, bob, base=1)
    assert queries(as_bob, "/mixes/base/edit/") == few


def test_the_table_has_shares_tokens_epochs_and_licences(as_vera, mix):
    page = as_vera.get("/mixes/base/?tokens=8000").content.decode()
    rows = rows_of(page)
    assert rows["books"] == "books Novels v1 75 % about 900 6k 6.667 repeats too often unknown"
    assert rows["code"] == "code open 25 % – 2k – –"
    assert "1 of 2 slots are filled" in page
    assert "books repeats 6.667 times" in page


def test_tokens_that_were_counted_are_not_called_about(as_vera, mix, books):
    Tokenization.objects.create(version=books, choice={}, figures={"tokens": {"training": 1_200}})
    page = as_vera.get("/mixes/base/?tokens=1200").content.decode()
    assert rows_of(page)["books"] == "books Novels v1 75 % 1.2k 900 0.75 unknown"
    assert "too small" not in page


def test_without_a_plan_nothing_is_planned(as_vera, mix):
    page = as_vera.get("/mixes/base/").content.decode()
    assert rows_of(page)["books"] == "books Novels v1 75 % about 900 – – unknown"
    assert "Choose a recipe" in page
    assert "<mix-plot" not in page


def test_a_recipe_and_a_scale_plan_the_run(as_vera, mix):
    recipe_services.sync()
    full = text(as_vera.get("/mixes/base/?recipe=llama-7b"))
    assert "401B tokens: 100,000 steps of 4,014,080 tokens." in full
    smoke = text(as_vera.get("/mixes/base/?recipe=llama-7b&scale=smoke"))
    assert "614k tokens: 600 steps of 1,024 tokens." in smoke


def test_a_recipe_that_counts_epochs_is_planned_over_the_whole_mix(as_vera, mix):
    recipe_services.sync()
    page = as_vera.get("/mixes/base/?recipe=sft")
    assert "3 passes over the whole mix" in text(page)
    assert "about 3.6k tokens, if the open slots were filled" in text(page)
    assert "2.7k 3 unknown" in rows_of(page.content.decode())["books"]


def test_tokens_typed_by_hand_win_over_the_recipe(as_vera, mix):
    recipe_services.sync()
    assert "2,000 tokens." in text(as_vera.get("/mixes/base/?recipe=llama-7b&tokens=2k"))


def test_a_mix_made_from_a_recipe_is_planned_for_it_until_another_is_chosen(as_bob):
    recipe_services.sync()
    page = as_bob.get("/mixes/new/?template=sft").content.decode()
    as_bob.post("/mixes/new/", from_page(page))
    assert "3 passes" in text(as_bob.get("/mixes/supervised-fine-tuning-mix/"))
    assert "Choose a recipe" in text(as_bob.get("/mixes/supervised-fine-tuning-mix/?recipe="))


@pytest.mark.parametrize("odd", ["plenty", "0", "-5", "nan", "1e999", "9" * 5_000, "1,5B", "٣"])
def test_an_odd_number_of_tokens_is_told_and_plans_nothing(as_vera, mix, odd):
    page = as_vera.get("/mixes/base/", {"tokens": odd})
    assert page.status_code == 200
    assert "Write a number of tokens" in text(page)
    assert rows_of(page.content.decode())["books"].endswith("– – unknown")


@pytest.mark.parametrize(
    ("typed", "tokens"),
    [
        ("300B", 300 * 10**9),
        ("26.2 M", 26_200_000),
        ("26,214,400", 26_214_400),
        ("26 214 400", 26_214_400),
        ("1e9", 10**9),
        ("3t", 3 * 10**12),
        ("1,500", 1_500),
    ],
)
def test_tokens_are_read_as_people_write_them(typed, tokens):
    assert TokensField().clean(typed) == tokens


def test_the_plan_alone_is_answered_while_the_form_changes(as_vera, mix):
    answer = as_vera.get(
        "/mixes/base/?project=atlas&recipe=&tokens=800&scale=",
        headers={"HX-Request": "true", "HX-Target": "mix-plan"},
    )
    page = answer.content.decode()
    assert "<html" not in page
    assert rows_of(page)["books"].endswith("600 0.6667 unknown")
    assert 'hx-swap-oob="innerHTML:#plan-said"' in page
    assert answer["HX-Replace-Url"] == "/mixes/base/?project=atlas&recipe=&tokens=800"
    # The browser's Back must not take the part for the page.
    assert "HX-Request" in answer["Vary"]


def test_an_older_version_is_shown_as_such(as_vera, bob, mix):
    parts = [MixPart(slot="all", weight=1.0)]
    mixes.save_version(mix, parts, bob, base=1)
    page = as_vera.get("/mixes/base/?version=1")
    assert "This is version 1, not the newest one" in text(page)
    assert set(rows_of(page.content.decode())) == {"books", "code"}
    newest = as_vera.get("/mixes/base/").content.decode()
    assert set(rows_of(newest)) == {"all"}
    assert "<del>75 % · Novels v1" in newest


@pytest.mark.parametrize("number", ["3", "0", "-1", "one", "9" * 30, "1e0"])
def test_a_version_that_does_not_exist_is_not_found(as_bob, mix, number):
    assert as_bob.get("/mixes/base/", {"version": number}).status_code == 404
    assert as_bob.get("/mixes/base/edit/", {"version": number}).status_code == 404


def test_what_people_wrote_is_shown_as_text(as_bob, books):
    evil = "<script>alert(1)</script>"
    as_bob.post("/mixes/new/", posted((evil, None, "1"), name=evil))
    page = as_bob.get(f"/mixes/{Mix.objects.get().slug}/?tokens=5").content.decode()
    assert html.escape(evil) in page
    assert evil not in page


def from_page(page: str) -> dict[str, str]:
    """What a browser sends of the form as it is in the page."""
    inputs = re.findall(r'<input [^>]*?name="([^"]+)"(?: value="([^"]*)")?', page)
    named = {name: html.unescape(value) for name, value in inputs}
    return {name: value for name, value in named.items() if "__prefix__" not in name}


def test_the_templates_hold_the_slots_and_weights_of_the_recipes(as_bob):
    recipe_services.sync()
    page = as_bob.get("/mixes/new/").content.decode()
    assert "template=llama-7b" in page
    assert "template=sft" in page
    assert "template=gpt2-125m" not in page
    data = from_page(as_bob.get("/mixes/new/?template=llama-7b").content.decode())
    answer = as_bob.post("/mixes/new/", data)
    assert (answer.status_code, answer.url) == (302, "/mixes/llama-7b-mix/?project=atlas")
    parts = MixVersion.objects.get().parts.all()
    assert {part.slot: part.weight for part in parts} == {
        "web_crawl": 0.45, "books": 0.15, "code": 0.1, "wikipedia": 0.05, "papers": 0.05,
        "conversations": 0.1, "other": 0.1,
    }  # fmt: skip


@pytest.mark.parametrize("slug", ["gpt2-125m", "nothing", "a\x00b", "x/y"])
def test_what_is_no_template_is_not_found(as_bob, slug):
    recipe_services.sync()
    assert as_bob.get("/mixes/new/", {"template": slug}).status_code == 404


def test_an_empty_mix_starts_with_two_rows(as_bob):
    page = as_bob.get("/mixes/new/").content.decode()
    shown = re.sub(r"<noscript>.*?</noscript>|<template>.*?</template>", "", page, flags=re.DOTALL)
    assert shown.count("data-row>") == 2
    assert page.count("data-row>") > 4


def test_rows_that_were_left_empty_do_not_count(as_bob, books):
    rows = [("", None, ""), ("books", books, "0,4"), ("", None, " "), ("code", None, ".6")]
    as_bob.post("/mixes/new/", posted(*rows))
    parts = MixVersion.objects.get().parts.all()
    assert [(part.slot, part.weight) for part in parts] == [("books", 0.4), ("code", 0.6)]


def test_rows_that_a_script_took_away_do_not_count(as_bob):
    data = posted(("a", None, "0.5"), ("removed", None, "0.1"), ("b", None, "0.5"))
    data = {name: value for name, value in data.items() if not name.startswith("parts-1-")}
    as_bob.post("/mixes/new/", data)
    assert [part.slot for part in MixPart.objects.all()] == ["a", "b"]


REFUSED = {
    "too little": ([("a", "0.5"), ("b", "0.45")], "add up to 0.95 and not to 1: 0.05 is missing"),
    "too much": ([("a", "0.5"), ("b", "0.7")], "add up to 1.2 and not to 1: that is 0.2 too much"),
    "just beside": ([("a", "0.5"), ("b", "0.499998")], "add up to 0.999998"),
    "nothing": ([], "add up to 0 and not to 1"),
    "negative": ([("a", "-0.5"), ("b", "1")], "A weight is a number from 0 to 1"),
    "over 1": ([("a", "1.5"), ("b", "0")], "A weight is a number from 0 to 1"),
    "not a number": ([("a", "nan"), ("b", "1")], "A weight is a number from 0 to 1"),
    "endless": ([("a", "9" * 5_000)], "A weight is a number from 0 to 1"),
    "a word": ([("a", "half"), ("b", "1")], "A weight is a number from 0 to 1"),
    "no weight": ([("a", ""), ("b", "1")], "Source 1, Weight : This field is required"),
    "no name": ([("", "0.5"), ("b", "0.5")], "Source 1, Source : This field is required"),
    "twice": ([("Books", "0.5"), ("books", "0.5")], "Another source has this name"),
    "control": ([("a\tb", "0.5"), ("b", "0.5")], "Enter a valid value"),
    "NUL": ([("a\x00b", "0.5"), ("b", "0.5")], "Null characters are not allowed"),
    "too long": ([("a" * 81, "0.5"), ("b", "0.5")], "at most 80 characters"),
    "too many": ([(f"s{n}", "0.01") for n in range(51)], "at most 50 sources"),
    "far too many": ([("a", "1")] * 201, "at most 200 forms"),
}


@pytest.mark.parametrize(("rows", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_mix_is_refused_with_the_reason(as_bob, rows, reason):
    answer = as_bob.post("/mixes/new/", posted(*((slot, None, weight) for slot, weight in rows)))
    assert answer.status_code == 422
    assert reason in text(answer)
    assert not Mix.objects.exists()


def test_what_was_typed_stays_in_a_refused_form(as_bob, books):
    page = as_bob.post(
        "/mixes/new/", posted(("novels", books, "0.5"), ("code", None, "lots"), name="My mix")
    ).content.decode()
    for value in ("My mix", "novels", "0.5", "code", "lots"):
        assert f'value="{value}"' in page
    assert f'<option value="{books.pk}" selected>' in page
    assert 'href="#id_parts-1-weight"' in page


def test_weights_may_miss_1_by_rounding(as_bob):
    thirds = [(slot, None, "0.333333") for slot in "abc"]
    assert as_bob.post("/mixes/new/", posted(*thirds)).status_code == 302


def test_the_same_data_stand_in_one_slot_only(as_bob, books):
    rows = [("books", books, "0.5"), ("novels", books, "0.5")]
    answer = as_bob.post("/mixes/new/", posted(*rows))
    assert answer.status_code == 422
    assert "Source 2, Dataset version : Another source has this data already" in text(answer)


def test_data_of_another_project_fill_no_slot(as_bob, bob):
    elsewhere = make_project("borealis")
    join(bob, elsewhere)
    theirs = make_dataset_version(elsewhere)
    answer = as_bob.post("/mixes/new/?project=atlas", posted(("a", theirs, "1")))
    assert answer.status_code == 422
    assert "This project has no such dataset version" in text(answer)


def test_a_new_mix_goes_to_the_project_that_its_form_was_opened_in(as_bob, bob, atlas):
    page = as_bob.get("/mixes/new/").content.decode()
    join(bob, make_project("zephyr"))
    as_bob.post("/projects/zephyr/switch/")
    action = html.unescape(re.search(r'action="(/mixes/new/[^"]*)"', page)[1])
    as_bob.post(action, posted(("a", None, "1")))
    assert Mix.objects.get().project == atlas


def test_a_taken_name_points_to_the_next_version(as_bob, mix):
    answer = as_bob.post("/mixes/new/", posted(("a", None, "1"), name="BASE"))
    assert answer.status_code == 422
    assert "There is a mix of this name" in text(answer)


def test_a_member_saves_the_next_version(as_bob, bob, mix, books):
    rows = [("books", books, "0.6"), ("papers", None, "0.4")]
    answer = as_bob.post("/mixes/base/edit/", posted(*rows))
    assert (answer.status_code, answer.url) == (302, "/mixes/base/?project=atlas")
    newest = mix.versions.first()
    assert (newest.number, newest.created_by) == (2, bob)
    assert [part.slot for part in newest.parts.all()] == ["books", "papers"]


def test_the_form_sends_what_is_there(as_bob, mix, books):
    page = as_bob.get("/mixes/base/edit/").content.decode()
    assert f'<option value="{books.pk}" selected>Novels v1 · Plain text' in page
    data = from_page(page) | {"parts-0-dataset_version": str(books.pk)}
    answer = as_bob.post("/mixes/base/edit/", data)
    assert answer.status_code == 422
    assert "Nothing was changed" in text(answer)
    assert mix.versions.count() == 1


def test_a_version_saved_meanwhile_is_told_and_nothing_typed_is_lost(as_alice, as_bob, mix, books):
    theirs = [("books", books, "0.5"), ("code", None, "0.5")]
    ours = [("books", None, "0.4"), ("code", None, "0.6")]
    as_alice.post("/mixes/base/edit/", posted(*theirs))
    answer = as_bob.post("/mixes/base/edit/", posted(*ours))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Alice saved version 2 meanwhile" in page
    assert 'value="0.4"' in page
    assert 'name="base" value="2"' in page
    # What saving again would undo of the other person's version.
    assert "<del>50 % · Novels v1" in page
    assert "<ins>40 % · open" in page
    assert as_bob.post("/mixes/base/edit/", posted(*ours, base="2")).status_code == 302
    assert mix.versions.count() == 3


def test_a_form_that_does_not_say_where_it_started_saves_nothing_unseen(as_bob, mix):
    for base in ("", "0", "x", "9" * 5_000):
        answer = as_bob.post("/mixes/base/edit/", posted(("a", None, "1"), base=base))
        assert answer.status_code == 422
    assert mix.versions.count() == 1


def test_an_older_version_is_brought_back_by_editing_it(as_bob, bob, mix):
    mixes.save_version(mix, [MixPart(slot="all", weight=1.0)], bob, base=1)
    data = from_page(as_bob.get("/mixes/base/edit/?version=1").content.decode())
    assert (data["parts-0-slot"], data["base"]) == ("books", "2")
    assert as_bob.post("/mixes/base/edit/?version=1", data).status_code == 302
    assert [part.slot for part in mix.versions.first().parts.all()] == ["books", "code"]


def test_a_member_deletes_a_mix_and_its_data_stay(as_bob, mix, books):
    answer = as_bob.post("/mixes/base/delete/")
    assert (answer.status_code, answer.url) == (302, "/mixes/?project=atlas")
    assert not Mix.objects.exists()
    assert DatasetVersion.objects.filter(pk=books.pk).exists()


def test_a_viewer_changes_nothing(as_vera, mix):
    page = as_vera.get("/mixes/base/").content.decode()
    assert "/edit/" not in page
    assert "/delete/" not in page
    rows = posted(("a", None, "1"), name="Mine")
    for path in ("new", "base/edit"):
        assert as_vera.get(f"/mixes/{path}/").status_code == 403
        assert as_vera.post(f"/mixes/{path}/", rows).status_code == 403
    assert as_vera.post("/mixes/base/delete/").status_code == 403
    assert MixVersion.objects.count() == 1


def test_a_mix_of_another_project_does_not_exist(as_charlie, mix):
    for path in ("base", "base/edit"):
        assert as_charlie.get(f"/mixes/{path}/").status_code == 404
    for path in ("base/edit", "base/delete"):
        assert as_charlie.post(f"/mixes/{path}/", posted(("a", None, "1"))).status_code == 404
    assert MixVersion.objects.count() == 1
