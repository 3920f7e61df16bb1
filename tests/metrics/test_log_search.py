"""A text is found in a log wherever pieces end, the newest line first, within bounds."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmhub.metrics import log_search, logs
from tests.factories import join, make_attempt, make_project, make_user

pytestmark = pytest.mark.django_db


def write(attempt, *pieces):
    end = logs._end(attempt)
    for piece in pieces:
        end = logs.append(attempt, end, piece)


def offsets(found):
    return [match["offset"] for match in found["matches"]]


def test_lines_come_newest_first_with_their_bytes_and_what_was_found(run, attempt):
    write(attempt, "loss 3\nstep é\nLOSS 2 loss\n")
    found = log_search.search(run, "loss")
    assert found == {
        "run": run.pk,
        "attempt": 1,
        "matches": [
            {"offset": 15, "end": 26, "text": "LOSS 2 loss", "spans": [(0, 4), (7, 11)]},
            {"offset": 0, "end": 6, "text": "loss 3", "spans": [(0, 4)]},
        ],
        "next": None,
    }


def test_what_is_torn_between_pieces_is_found(run, attempt):
    write(attempt, "a\nEr", "r", "or: x\nb", "\n", "c")
    assert offsets(log_search.search(run, "error")) == [2]
    assert offsets(log_search.search(run, "a")) == [0]
    assert offsets(log_search.search(run, "c")) == [13]


def test_nothing_in_it_is_a_pattern(run, attempt):
    write(attempt, "a.c\nabc\n(((\n")
    assert offsets(log_search.search(run, "a.c")) == [0]
    assert offsets(log_search.search(run, "(((")) == [8]


def test_a_bar_that_is_written_over_has_a_line_each_time(run, attempt):
    write(attempt, "10 %\r20 %\r30 %\n")
    assert [m["text"] for m in log_search.search(run, "%")["matches"]] == ["30 %", "20 %", "10 %"]


def test_of_a_long_line_the_part_around_is_shown(run, attempt):
    write(attempt, "x" * 5_000 + "needle" + "y" * 5_000)
    (match,) = log_search.search(run, "NEEDLE")["matches"]
    assert (match["offset"], match["end"], len(match["text"])) == (0, 10_006, log_search.MAX_LINE)
    ((start, end),) = match["spans"]
    assert match["text"][start:end] == "needle"


def test_a_line_without_end_is_cut_and_not_gathered(run, attempt, monkeypatch):
    monkeypatch.setattr(log_search, "LONGEST_LINE", 100)
    write(attempt, *["z" * 90 for _ in range(10)])
    assert len(log_search.search(run, "z")["matches"]) == 5


def test_further_matches_are_fetched_from_where_the_answer_ends(run, attempt, monkeypatch):
    monkeypatch.setattr(log_search, "MAX_MATCHES", 3)
    write(attempt, *[f"line {n}\n" for n in range(8)])
    seen, before = [], None
    while True:
        found = log_search.search(run, "line", before=before)
        seen += [match["text"] for match in found["matches"]]
        before = found["next"]
        if before is None:
            break
    assert seen == [f"line {n}" for n in reversed(range(8))]


def test_an_answer_is_bounded_in_bytes_and_in_time(run, attempt, monkeypatch):
    write(attempt, *[f"{n}\n" for n in range(10, 20)])
    for bound in ("MAX_BYTES", "MAX_SECONDS"):
        with monkeypatch.context() as patched:
            patched.setattr(log_search, bound, 0)
            seen, before, answers = [], None, 0
            while answers < 20 and (answers == 0 or before is not None):
                found = log_search.search(run, "1", before=before)
                seen += offsets(found)
                before, answers = found["next"], answers + 1
        assert seen == [27, 24, 21, 18, 15, 12, 9, 6, 3, 0]
        assert answers > 3


def test_each_attempt_is_searched_by_itself(run, attempt):
    write(attempt, "first\n")
    write(make_attempt(run)[0], "second\n")
    assert log_search.search(run, "second")["attempt"] == 2
    assert log_search.search(run, "first")["matches"] == []
    assert offsets(log_search.search(run, "first", 1)) == [0]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    pieces=st.lists(st.text("aBé\n", min_size=1, max_size=8), max_size=12),
    query=st.text("ab", min_size=1, max_size=3),
)
def test_it_is_what_a_plain_search_finds(run, attempt, pieces, query):
    attempt.log_chunks.all().delete()
    write(attempt, *pieces)
    lines, offset = [], 0
    for line in "".join(pieces).split("\n"):
        if re.search(query, line, re.IGNORECASE):
            lines.append((offset, line))
        offset += len(line.encode()) + 1
    found = log_search.search(run, query)["matches"]
    assert [(match["offset"], match["text"]) for match in found] == lines[::-1]


def test_the_page_asks_and_a_stranger_finds_nothing(run, attempt, client):
    write(attempt, "secret\n")
    url = reverse("search_log", args=[run.pk])
    people = Client(), Client()
    for person, name, project in (
        (people[0], "in@example.com", run.project),
        (people[1], "out@example.com", make_project("elsewhere")),
    ):
        user = make_user(name)
        join(user, project)
        person.force_login(user)
    assert offsets(people[0].get(url, {"q": "SECRET"}).json()) == [0]
    assert people[0].get(url).json()["matches"] == []
    assert people[0].get(url, {"q": "x", "before": "y"}).status_code == 400
    assert people[1].get(url, {"q": "secret"}).status_code == 404


def test_a_window_around_an_offset_has_both_sides_and_not_the_rest(run, attempt, monkeypatch):
    monkeypatch.setattr(logs, "WINDOW_BYTES", 6)
    write(attempt, *[f"{n}\n" for n in range(10, 40)])
    window = logs.window(run, around=31)
    assert (window["offset"], window["end"]) == (24, 36)
    assert window["text"] == "18\n19\n20\n21\n"
    assert (window["before"], window["after"]) == (True, True)
    # The first and the last byte, and what is none.
    assert logs.window(run, around=0)["offset"] == 0
    assert logs.window(run, around=10**9)["end"] == 90
