"""The console of an attempt: each byte once, whatever is sent twice or torn."""

import json

import pytest
from django.urls import reverse

from llmhub.metrics import logs
from llmhub.metrics.models import LogChunk
from tests.factories import join, make_attempt, make_run, make_user

pytestmark = pytest.mark.django_db


def stored(attempt):
    return [(chunk.offset, chunk.end, chunk.text) for chunk in attempt.log_chunks.all()]


def test_pieces_follow_one_another(attempt):
    assert logs.append(attempt, 0, "one\n") == 4
    assert logs.append(attempt, 4, "zwölf\n") == 11
    assert stored(attempt) == [(0, 4, "one\n"), (4, 11, "zwölf\n")]


def test_a_piece_that_was_sent_before_changes_nothing(attempt):
    logs.append(attempt, 0, "one\ntwo\n")
    assert logs.append(attempt, 0, "one\n") == 8
    assert stored(attempt) == [(0, 8, "one\ntwo\n")]


def test_of_an_overlapping_piece_only_what_is_new_is_kept(attempt):
    logs.append(attempt, 0, "one\n")
    assert logs.append(attempt, 0, "one\ntwo\n") == 8
    assert stored(attempt) == [(0, 4, "one\n"), (4, 8, "two\n")]


def test_what_a_database_cannot_hold_is_replaced(attempt):
    logs.append(attempt, 0, "a\x00b\ud800c")
    assert stored(attempt) == [(0, 7, "a?b???c")]


def test_a_log_without_end_is_cut_once_and_acknowledged_on(run, attempt, monkeypatch):
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 10)
    assert logs.append(attempt, 0, "one\n") == 4
    assert logs.append(attempt, 4, "zwölfeinhalb\n") == 18
    assert logs.append(attempt, 18, "more\n") == 23
    assert stored(attempt) == [(0, 4, "one\n"), (4, 11, "zwölf" + logs.CUT)]
    assert logs.append(attempt, 0, "") == 11
    assert not logs.window(run)["after"]


def test_a_limit_within_a_character_leaves_the_character_out(attempt, monkeypatch):
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 3)
    logs.append(attempt, 0, "abé")
    assert stored(attempt) == [(0, 4, "ab" + logs.CUT)]


def test_a_log_that_ends_at_the_limit_is_not_cut_until_it_goes_on(attempt, monkeypatch):
    monkeypatch.setattr(logs, "MAX_LOG_BYTES", 4)
    logs.append(attempt, 0, "one\n")
    assert stored(attempt) == [(0, 4, "one\n")]
    assert logs.append(attempt, 4, "two\n") == 8
    assert stored(attempt)[1:] == [(4, 5, logs.CUT)]


def test_the_end_of_the_newest_attempt_is_shown_first(run, attempt):
    logs.append(attempt, 0, "first attempt\n")
    second, _ = make_attempt(run)
    for number in range(40):
        line = f"{number:04d} ".encode() + b"x" * 4094 + b"\n"
        logs.append(second, number * 4100, line.decode())
    window = logs.window(run)
    assert (window["attempt"], window["attempts"]) == (2, [1, 2])
    assert window["text"].startswith("0024 ")
    assert (window["end"], window["before"], window["after"]) == (40 * 4100, True, False)
    earlier = logs.window(run, 2, before=window["offset"])
    assert earlier["end"] == window["offset"]
    assert earlier["text"].startswith("0008 ")
    later = logs.window(run, 2, after=earlier["end"])
    assert later["text"] == window["text"]


def test_reading_on_to_the_end_gives_the_whole_log(run, attempt):
    text = "".join(f"line {number}\n" for number in range(20_000))
    for start in range(0, len(text), 7_001):
        logs.append(attempt, start, text[start : start + 7_001])
    read, at = "", 0
    while (window := logs.window(run, 1, after=at))["text"]:
        read, at = read + window["text"], window["end"]
    assert read == text


def test_a_run_that_printed_nothing_has_an_empty_log(run):
    window = logs.window(run)
    assert (window["attempt"], window["text"], window["end"]) == (None, "", 0)


def post(client, attempt, secret, body):
    return client.post(
        reverse("attempt_log", args=[attempt.pk]),
        body if isinstance(body, bytes) else json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )


def test_a_supervisor_sends_pieces_over_http(client, run):
    attempt, secret = make_attempt(run)
    answer = post(client, attempt, secret, b'{"offset": 0, "text": "a\\ud800\\n"}')
    assert answer.json() == {"end": 5}
    client.force_login(join(make_user(), run.project).user)
    assert client.get(reverse("run_log", args=[run.pk])).json()["text"] == "a???\n"


def test_another_attempts_token_writes_nothing(client, run):
    attempt, _ = make_attempt(run)
    _, other = make_attempt(make_run(run.project))
    assert post(client, attempt, other, {"offset": 0, "text": "x"}).status_code == 401
    assert not LogChunk.objects.exists()


@pytest.mark.parametrize(
    "body", [{"offset": -1, "text": ""}, {"offset": 0}, {"offset": 0, "text": "x" * 300_000}, b"{"]
)
def test_a_piece_that_makes_no_sense_is_refused(client, run, body):
    attempt, secret = make_attempt(run)
    assert post(client, attempt, secret, body).status_code == 400


def test_a_stranger_reads_no_log(client, run):
    client.force_login(make_user("charlie@example.com"))
    assert client.get(reverse("run_log", args=[run.pk])).status_code == 404
