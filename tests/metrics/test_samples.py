"""What a model writes while it learns: kept once, within limits, and shown side by side."""

import json
import re

import pytest
from django.urls import reverse

from llmhub.metrics import samples
from llmhub.metrics.models import Sample
from llmhub.runs.states import Outcome, State
from tests.factories import SMOKE_SPEC, join, make_attempt, make_run, make_user
from tests.runs.alignment import SPECS

pytestmark = pytest.mark.django_db

XSS = "<script>alert('sample')</script>"


@pytest.fixture
def reader(client, run):
    client.force_login(join(make_user(), run.project).user)
    return client


def told(step, index=0, text="once", prompt="Tell me", decoding="greedy"):
    return {"step": step, "index": index, "prompt": prompt, "text": text, "decoding": decoding}


def record(attempt, *many):
    return samples.record(attempt, [Sample(**one) for one in many])


def kept(run):
    return list(run.samples.order_by("index", "step").values_list("index", "step", "text"))


def post(client, attempt, secret, body):
    return client.post(
        reverse("attempt_samples", args=[attempt.pk]),
        body if isinstance(body, bytes) else json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )


def show(client, run, **query):
    """The part of the run's page."""
    headers = {"HX-Request": "true"}
    answer = client.get(reverse("run_samples", args=[run.pk]), query, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def steps_of(page):
    return [
        int(step.replace(",", "")) for step in re.findall(r'<h3 class="num">Step ([\d,]+)', page)
    ]


class TestKeeping:
    def test_what_is_told_twice_is_kept_once(self, run, attempt):
        record(attempt, told(10), told(10, index=1))
        record(attempt, told(10), told(20))
        assert kept(run) == [(0, 10, "once"), (0, 20, "once"), (1, 10, "once")]

    def test_a_resumed_attempt_writes_again_what_it_passes_again(self, run, attempt):
        record(attempt, told(10, text="first"), told(20, text="first"))
        second, _ = make_attempt(run)
        record(second, told(20, text="second"))
        assert kept(run) == [(0, 10, "first"), (0, 20, "second")]

    def test_an_attempt_that_was_replaced_changes_nothing(self, run, attempt):
        second, _ = make_attempt(run)
        record(second, told(20, text="second"))
        assert not record(attempt, told(20, text="late"))
        assert kept(run) == [(0, 20, "second")]

    def test_what_a_database_cannot_hold_is_replaced(self, run, attempt):
        record(attempt, told(1, text="a\0b\ud800c", prompt="\0"))
        assert run.samples.get().text == "a?b?c"
        assert run.samples.get().prompt == "?"

    def test_a_text_without_end_is_cut(self, run, attempt):
        record(attempt, told(1, text="x" * 50_000))
        text = run.samples.get().text
        assert (len(text), text[-2:]) == (samples.MAX_CHARACTERS, "x…")

    def test_a_run_fills_no_database(self, run, attempt, monkeypatch):
        monkeypatch.setattr(samples, "MAX_SAMPLES", 3)
        record(attempt, told(1), told(2))
        record(attempt, told(2, text="anew"), told(3), told(4))
        record(attempt, told(3, text="anew"))
        assert kept(run) == [(0, 1, "once"), (0, 2, "anew"), (0, 3, "anew")]

    def test_open_pages_hear_of_it(self, attempt, published):
        record(attempt, told(1))
        record(attempt)
        assert published == [{"type": "samples", "run": attempt.run_id}]


@pytest.fixture
def published(monkeypatch):
    heard = []
    monkeypatch.setattr(samples, "publish", lambda topic, message: heard.append(message))
    return heard


class TestMachines:
    def test_a_supervisor_tells_over_http(self, client, run):
        attempt, secret = make_attempt(run)
        assert post(client, attempt, secret, {"samples": [told(5)]}).status_code == 200
        assert kept(run) == [(0, 5, "once")]

    def test_half_a_character_is_no_reason_to_refuse_the_rest(self, client, run):
        attempt, secret = make_attempt(run)
        body = json.dumps({"samples": [told(5, text="?"), told(6)]}).replace('"?"', '"a\\ud800"')
        assert post(client, attempt, secret, body.encode()).status_code == 200
        assert kept(run) == [(0, 5, "a?"), (0, 6, "once")]

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"samples": {}},
            {"samples": [told(-1)]},
            {"samples": [told(2**63)]},
            {"samples": [told(1, index=-1)]},
            {"samples": [told(1, index=10**6)]},
            {"samples": [told(1, text=None)]},
            {"samples": [told(1, decoding="Ö" * 30)]},
            {"samples": [told(1) | {"more": 1}]},
            {"samples": [told(1)] * 201},
            b"{",
        ],
        ids=lambda wrong: str(wrong)[:60],
    )
    def test_what_makes_no_sense_is_refused(self, client, run, wrong):
        attempt, secret = make_attempt(run)
        assert post(client, attempt, secret, wrong).status_code == 400
        assert not Sample.objects.exists()

    def test_another_attempts_token_writes_nothing(self, client, run):
        attempt, _ = make_attempt(run)
        _, other = make_attempt(make_run(run.project))
        assert post(client, attempt, other, {"samples": [told(1)]}).status_code == 401
        assert not Sample.objects.exists()

    def test_an_attempt_that_is_over_is_told_that_it_is_stale(self, client, run):
        attempt, secret = make_attempt(run, outcome=Outcome.LOST)
        make_attempt(run)
        assert post(client, attempt, secret, {"samples": [told(1)]}).status_code == 409


class TestPage:
    def test_texts_stand_side_by_side_the_newest_first(self, reader, run, attempt):
        record(attempt, *(told(step, text=f"at {step}") for step in (100, 1_200, 300)))
        page = show(reader, run)
        assert steps_of(page) == [1200, 300, 100]
        assert page.index("at 1200") < page.index("at 300") < page.index("at 100")

    def test_a_prompt_is_chosen_among_those_there_are(self, reader, run, attempt):
        record(attempt, told(1, 0, "of one", "Prompt one"), told(1, 3, "of two", "Prompt two"))
        page = show(reader, run, prompt=3)
        assert "of two" in page
        assert "of one" not in page
        assert "Prompt one" in page

    def test_the_whole_history_is_reached_twenty_steps_at_a_time(self, reader, run, attempt):
        record(attempt, *(told(step) for step in range(10, 460, 10)))
        seen, query = [], {}
        while True:
            page = show(reader, run, **query)
            seen += steps_of(page)
            older = re.search(r'id="samples-older" href="[^"]*step=(\d+)"', page)
            if not older:
                break
            query = {"step": older[1]}
        assert seen == [*range(450, 0, -10)]
        newer = re.search(r'id="samples-newer" href="[^"]*step=(\d+)"', page)
        assert steps_of(show(reader, run, step=newer[1])) == [*range(250, 50, -10)]

    def test_a_step_is_chosen_from_a_list(self, reader, run, attempt):
        record(attempt, *(told(step) for step in range(1, 31)))
        page = show(reader, run, step=12)
        assert steps_of(page) == [*range(12, 0, -1)]
        assert '<option value="12" selected>' in page
        assert page.count("<option") == 30

    @pytest.mark.parametrize(
        ("step", "first"), [("7", 6), ("0", 2), ("99", 8), ("x", 8), ("", 8)], ids=repr
    )
    def test_a_step_without_samples_shows_those_before_it(self, reader, run, attempt, step, first):
        record(attempt, told(2), told(4), told(6), told(8))
        assert steps_of(show(reader, run, step=step))[0] == first

    def test_a_prompt_that_is_not_there_shows_the_first(self, reader, run, attempt):
        record(attempt, told(1, index=2))
        assert steps_of(show(reader, run, prompt="77")) == [1]

    def test_of_a_very_long_history_some_steps_are_offered(self, run, attempt):
        record(attempt, *(told(step) for step in range(1, 2_001)))
        shown = samples.shown(run, 0, 1_234)
        assert len(shown.steps) <= samples.MAX_OFFERED + 1
        assert shown.steps == sorted(shown.steps, reverse=True)
        assert 1_234 in shown.steps
        assert [one.step for one in shown.samples] == [*range(1_234, 1_214, -1)]

    def test_only_who_looks_at_the_newest_is_shown_what_comes(self, reader, run, attempt):
        record(attempt, *(told(step) for step in range(1, 31)))
        assert 'data-types="samples"' in show(reader, run)
        older = show(reader, run, step=5)
        assert 'data-types=""' in older
        assert f'data-url="/runs/{run.pk}/samples/?prompt=0&amp;step=5"' in older

    def test_what_a_model_writes_is_text_and_never_markup(self, reader, run, attempt):
        record(attempt, told(1, text=XSS, prompt=XSS), told(1, index=1))
        page = show(reader, run)
        assert XSS not in page
        assert page.count("&lt;script&gt;") >= 3

    def test_without_samples_the_page_says_how_to_get_them(self, reader, run):
        assert "set “Sample every”" in show(reader, run)

    def test_before_the_first_samples_it_says_when_they_come(self, reader, run):
        spec = SMOKE_SPEC | {"samples": {"every": 20}}
        waiting = make_run(run.project, State.RUNNING, spec=spec)
        assert "every 20 steps" in show(reader, waiting)
        waiting.state = State.STOPPED
        waiting.save()
        assert "due at step 20" in show(reader, waiting)

    def test_a_reward_model_writes_nothing(self, reader, run):
        scorer = make_run(run.project, spec=SPECS["reward"])
        assert "A reward model writes nothing" in show(reader, scorer)

    def test_it_is_a_page_of_its_own_too(self, reader, run, attempt):
        record(attempt, told(1))
        page = reader.get(reverse("run_samples", args=[run.pk])).content.decode()
        assert "<html" in page
        assert f'href="/runs/{run.pk}/"' in page

    def test_a_stranger_sees_none(self, client, run):
        client.force_login(make_user("charlie@example.com"))
        assert client.get(reverse("run_samples", args=[run.pk])).status_code == 404

    def test_the_number_of_queries_does_not_depend_on_how_much_was_written(
        self, reader, run, attempt, django_assert_max_num_queries
    ):
        record(attempt, *(told(step, index) for step in range(60) for index in range(8)))
        with django_assert_max_num_queries(10):
            show(reader, run, prompt=4)
