"""Conversations: what a turn reads, what is kept of it, and what pages show."""

from __future__ import annotations

import json

import pytest

from llmhub.datasets.models import Dataset, DatasetVersion
from llmhub.lib.problems import Problem
from llmhub.registry import playground
from llmhub.registry import playground_serving as serving
from llmhub.registry.models import Answer, Conversation, Mode, Serving, Side, VersionState
from tests.factories import make_model_version, make_run
from tests.jobs.running import run_jobs
from tests.registry.playground_models import GREEDY

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(bob):
    return bob


@pytest.fixture
def left(project):
    return make_model_version(make_run(project))


@pytest.fixture
def right(left):
    return make_model_version(left.run, left.model)


def begin(user, *versions, mode=Mode.CHAT, system="", text="Hello"):
    project = versions[0].model.project
    return playground.begin(project, user, list(versions), mode, system, text)


def ask(conversation, user, text="Hello", **answers):
    """A turn that is answered at once: by side, what the model wrote."""
    turn = playground.ask(conversation, user, text, GREEDY)
    for side, written in answers.items():
        turn.answers.filter(side=side).update(state=Answer.State.DONE, text=written)
    return turn


def test_both_sides_get_the_same_question(user, left, right):
    turn = ask(begin(user, left, right), user)
    assert {(answer.side, answer.version) for answer in turn.answers.all()} == {
        (Side.LEFT, left),
        (Side.RIGHT, right),
    }


def test_each_side_goes_on_from_its_own_answer_until_one_is_better(user, left, right):
    conversation = begin(user, left, right)
    first = ask(conversation, user, left="L", right="R")
    second = ask(conversation, user, "More", left="L2", right="R2")
    said = {a.side: a.request["messages"][1]["content"] for a in second.answers.all()}
    assert said == {"left": "L", "right": "R"}
    playground.judge(first, user, Side.RIGHT)
    third = ask(conversation, user, "More")
    said = {a.side: a.request["messages"][1]["content"] for a in third.answers.all()}
    assert said == {"left": "R", "right": "R"}


def test_an_answer_that_failed_is_left_out_of_what_comes_after(user, left):
    conversation = begin(user, left, system="Be kind.")
    failed = ask(conversation, user)
    serving.refuse(failed.answers.get().pk, None, Problem("playground_lost"))
    messages = ask(conversation, user, "Again").answers.get().request["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]


def test_completion_reads_each_text_by_itself(user, left):
    conversation = begin(user, left, mode=Mode.COMPLETION)
    ask(conversation, user, "One", left="two")
    assert ask(conversation, user, "Three").answers.get().request == {"prompt": "Three"}


def test_one_question_at_a_time(user, left):
    conversation = begin(user, left)
    playground.ask(conversation, user, "a", GREEDY)
    with pytest.raises(playground.Refused, match="Wait"):
        playground.ask(conversation, user, "b", GREEDY)


def test_nobody_fills_the_line_alone(user, left):
    for _ in range(playground.MOST_OF_PERSON):
        playground.ask(begin(user, left), user, "a", GREEDY)
    with pytest.raises(playground.Refused, match="Your other questions"):
        playground.ask(begin(user, left), user, "a", GREEDY)


def test_a_version_without_files_is_not_asked(user, left):
    left.state = VersionState.FAILED
    left.save()
    with pytest.raises(playground.Refused, match="files"):
        ask(begin(user, left), user)


# Processes


def test_one_process_a_version_however_many_ask(left):
    assert serving.wake(left.pk) == serving.wake(left.pk)
    assert serving.claim("node-1")[0].state == Serving.State.LOADING
    assert serving.claim("node-1") is None


def test_a_process_that_is_not_heard_of_is_given_up(user, left):
    turn = ask(begin(user, left), user)
    serving.wake(left.pk)
    taken, _ = serving.claim("node-1")
    serving.ready(taken.pk, {})
    assert [question["answer"] for question in serving.take(taken.pk)] == [turn.answers.get().pk]
    Serving.objects.filter(pk=taken.pk).update(seen_at="2020-01-01T00:00Z")
    serving.tend()
    answer = turn.answers.get()
    assert (answer.state, answer.problem["code"]) == ("failed", "playground_lost")
    assert serving.wake(left.pk) != taken
    assert not serving.seen(taken.pk)


def test_a_question_that_waits_outlives_the_machine_that_should_have_taken_it(user, left):
    turn = ask(begin(user, left), user)
    serving.wake(left.pk)
    taken, _ = serving.claim("node-1")
    Serving.objects.filter(pk=taken.pk).update(seen_at="2020-01-01T00:00Z")
    serving.tend()
    assert turn.answers.get().state == Answer.State.QUEUED
    again, _ = serving.claim("node-2")
    serving.ready(again.pk, {})
    assert [question["answer"] for question in serving.take(again.pk)] == [turn.answers.get().pk]


def test_a_full_machine_lets_the_model_go_that_nobody_asks(user, left, right):
    for version in (left, right):
        serving.wake(version.pk)
        taken, _ = serving.claim("node-1")
        serving.ready(taken.pk, {})
    ask(begin(user, left), user)
    third = make_model_version(left.run, left.model)
    serving.wake(third.pk)
    serving.make_room("node-1")
    ended = Serving.objects.get(state=Serving.State.ENDED)
    assert ended.version == right
    serving.make_room("node-1")
    assert Serving.objects.filter(state=Serving.State.ENDED).count() == 1


def test_an_idle_process_stays_where_somebody_asks_just_now(user, left):
    serving.wake(left.pk)
    taken, _ = serving.claim("node-1")
    serving.ready(taken.pk, {})
    ask(begin(user, left), user)
    assert not serving.end_idle(taken.pk)
    Answer.objects.update(state=Answer.State.DONE)
    assert serving.end_idle(taken.pk)


def test_what_another_process_says_changes_nothing(user, left):
    turn = ask(begin(user, left), user)
    serving.wake(left.pk)
    taken, _ = serving.claim("node-1")
    serving.ready(taken.pk, {})
    serving.take(taken.pk)
    written = {"text": "forged", "tokens": [], "ended_by": "end", "figures": {}}
    serving.finish(turn.answers.get().pk, taken.pk + 1, written)
    assert turn.answers.get().text == ""


# Rows of datasets


def rows_of(version: DatasetVersion):
    return [json.loads(line) for line in version.files.get().path().read_text().splitlines()]


def keep(client, conversation, what):
    answer = client.post(f"/playground/{conversation.pk}/keep/", {"what": what})
    run_jobs()
    return answer


@pytest.fixture
def signed_in(client, user):
    client.force_login(user)
    return client


def test_a_judged_conversation_becomes_preference_pairs(signed_in, user, left, right):
    conversation = begin(user, left, right, system="Be kind.")
    turn = ask(conversation, user, "Why?", left="Because.", right="No.")
    ask(conversation, user, "And?", left="x", right="y")
    signed_in.post(f"/playground/turns/{turn.pk}/better/", {"better": "left"})
    answer = keep(signed_in, conversation, "pairs")
    assert answer.status_code == 302
    version = DatasetVersion.objects.get(dataset__name="Playground preferences")
    assert version.kind == "preference"
    system = {"role": "system", "content": "Be kind."}
    pair = {"prompt": "Why?", "chosen": "Because.", "rejected": "No.", "history": [system]}
    assert rows_of(version) == [pair]


def test_another_conversation_makes_the_next_version(signed_in, user, left):
    for text in ("One?", "Two?"):
        conversation = begin(user, left, text=text)
        ask(conversation, user, text, left="x")
        keep(signed_in, conversation, "prompts")
    dataset = Dataset.objects.get(name="Playground prompts")
    newest = dataset.versions.first()
    assert (newest.number, newest.kind) == (2, "prompts")
    assert [row["prompt"] for row in rows_of(newest)] == ["One?", "Two?"]


def test_nothing_judged_is_nothing_to_keep(signed_in, user, left, right):
    conversation = begin(user, left, right)
    ask(conversation, user, left="a", right="b")
    answer = signed_in.post(f"/playground/{conversation.pk}/keep/", {"what": "pairs"}, follow=True)
    assert "Choose the better answer" in answer.text
    assert not Dataset.objects.filter(name__startswith="Playground").exists()


# Pages


def test_the_page_shows_a_conversation_with_its_answers(signed_in, user, left, right):
    conversation = begin(user, left, right, text="Why & how?")
    ask(conversation, user, "Why & how?", left="<b>so</b>", right="no")
    page = signed_in.get(f"/playground/{conversation.pk}/").text
    assert "Why &amp; how?" in page
    assert "&lt;b&gt;so&lt;/b&gt;" in page
    assert "<b>so</b>" not in page


def test_a_refused_answer_says_why(signed_in, user, left):
    conversation = begin(user, left)
    turn = ask(conversation, user)
    problem = Problem("prompt_too_long", tokens=9, context=8)
    serving.refuse(turn.answers.get().pk, None, problem)
    assert "The prompt has 9 tokens" in signed_in.get(f"/playground/{conversation.pk}/").text


def test_without_a_version_the_page_says_where_they_come_from(signed_in, project):
    assert "Register a checkpoint" in signed_in.get("/playground/").text


def test_the_versions_of_an_address_are_chosen(signed_in, left, right):
    page = signed_in.get(f"/playground/?left={right.pk}&right={left.pk}")
    assert [version for _, version in page.context["sides"]] == [right, left]


def test_more_turns_cost_no_more_queries(signed_in, user, left, right, django_assert_num_queries):
    conversation = begin(user, left, right)
    ask(conversation, user, left="a", right="b")
    signed_in.get(f"/playground/{conversation.pk}/")
    with django_assert_num_queries(9) as counted:
        signed_in.get(f"/playground/{conversation.pk}/")
    for _ in range(3):
        ask(conversation, user, left="a", right="b")
    with django_assert_num_queries(len(counted)):
        signed_in.get(f"/playground/{conversation.pk}/")


def test_a_deleted_conversation_is_gone_and_its_question_with_it(signed_in, user, left):
    conversation = begin(user, left)
    ask(conversation, user)
    signed_in.post(f"/playground/{conversation.pk}/delete/")
    assert not Conversation.objects.exists()
    assert not Answer.objects.exists()
