"""The whole way: a page asks over its socket, a process of its own answers token by token."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack

import pytest
from django.test import Client
from transformers import AutoModelForCausalLM, AutoTokenizer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from llmhub.registry import next_token
from llmhub.registry.models import Answer, Conversation, ModelVersion, Serving
from tests.accounts.conftest import signed_in
from tests.factories import join, make_model_version, make_project, make_run, make_user
from tests.registry.playground_hub import Machine, open_page
from tests.registry.playground_models import GREEDY, make_model
from tests.serving import serving
from tests.waiting import until
from workers.process import find

pytestmark = pytest.mark.django_db(transaction=True)

CONTEXT = 4096
LONG = {"max_new_tokens": 4000}
NEXT_TOKEN = "/reference/demos/next-token/"


@pytest.fixture
def hub(settings, tmp_path):
    settings.HUB_DATA = tmp_path
    with serving() as address:
        settings.HUB_URL = f"http://{address}"
        yield address


@pytest.fixture
def version(hub, project):
    version = make_model_version(make_run(project))
    make_model(version.folder, CONTEXT)
    return version


@pytest.fixture
def machine(hub):
    machine = Machine()
    yield machine
    machine.close()


@pytest.fixture
def pages():
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def page(pages, hub, project, version):
    user = join(make_user(), project, Role.MEMBER).user
    return pages.enter_context(open_page(hub, user, version.pk))


def process_of(serving: Serving):
    from django.conf import settings

    return find(
        ["workers.models.playground", str(settings.HUB_DATA / "playground" / str(serving.pk))]
    )


def the_answer() -> Answer:
    return Answer.objects.get()


def is_writing() -> bool:
    return Answer.objects.filter(state=Answer.State.WRITING).exists()


def test_a_question_is_answered_token_by_token(page, version, machine):
    assert page.watch()["topics"] == [f"playground.{version.pk}"]
    asked = page.ask("Once upon")
    assert asked["type"] == "asked"
    machine.serve()
    heard, end = page.hear_until_end()

    tokenizer = AutoTokenizer.from_pretrained(version.folder)
    model = AutoModelForCausalLM.from_pretrained(version.folder)
    inputs = tokenizer("Once upon", return_tensors="pt")
    written = model.generate(**inputs, max_new_tokens=24, do_sample=False)[0]
    assert end["text"] == tokenizer.decode(written[inputs.input_ids.shape[1] :], True)
    assert heard == end["tokens"]
    answer = the_answer()
    assert (answer.state, answer.text, answer.tokens) == ("done", end["text"], heard)
    assert Conversation.objects.get().turns.get().text == "Once upon"


def test_a_model_whose_bytes_changed_is_not_loaded(page, version, machine):
    weights = version.folder / "model.safetensors"
    known = {"name": weights.name, "sha256": "0" * 64, "bytes": weights.stat().st_size}
    ModelVersion.objects.filter(pk=version.pk).update(files=[known])
    page.ask("a")
    machine.serve()
    _, end = page.hear_until_end()
    assert "bytes have changed" in end["problem"]["text"]
    version.refresh_from_db()
    assert version.damage == weights.name


def test_a_closed_tab_ends_what_it_waited_for(page, machine):
    page.ask("a", **LONG)
    machine.serve()
    page.hear("tokens")
    page.close()
    until(lambda: the_answer().is_over())
    answer = the_answer()
    assert answer.ended_by == Answer.EndedBy.CANCELLED
    assert 0 < answer.figures["tokens"] < 2000


def test_a_question_that_nobody_took_ends_with_its_tab(page):
    page.ask("a")
    page.close()
    until(lambda: the_answer().is_over())
    assert the_answer().ended_by == Answer.EndedBy.CANCELLED


def test_a_second_person_is_answered_while_the_first_still_is(
    page, pages, hub, project, version, machine
):
    second = join(make_user("bob@example.com"), project, Role.MEMBER).user
    other = pages.enter_context(open_page(hub, second, version.pk))
    # A quick machine is through with one before the other person has asked.
    for _ in range(2):
        page.ask("a", **LONG)
    machine.serve()
    page.hear("tokens")
    other.ask("b", max_new_tokens=5)
    _, end = other.hear_until_end()
    assert end["figures"]["tokens"] == 5
    assert is_writing()
    assert Serving.objects.count() == 1


def test_a_model_that_nobody_asks_is_unloaded(page, machine, settings):
    settings.PLAYGROUND_IDLE_SECONDS = 1
    page.watch()
    page.ask("a")
    taken = machine.serve()
    process = until(lambda: process_of(taken))
    page.hear_until_end()
    machine.wait()
    taken.refresh_from_db()
    assert (taken.state, taken.problem) == (Serving.State.ENDED, {})
    assert not process.is_alive()
    assert not list((settings.HUB_DATA / "playground").iterdir())


def test_a_process_that_is_killed_takes_its_answers_along_and_no_more(page, machine):
    page.watch()
    page.ask("a", **LONG)
    taken = machine.serve()
    page.hear("tokens")
    os.kill(process_of(taken).pid, signal.SIGKILL)
    end = page.hear("end")
    assert "ended" in end["problem"]["text"]
    machine.wait()
    page.ask("a", max_new_tokens=3)
    machine.serve()
    _, end = page.hear_until_end()
    assert end["figures"]["tokens"] == 3


def test_a_prompt_beyond_the_context_is_refused_and_the_next_one_answered(page, machine):
    page.ask("a" * (CONTEXT + 1))
    machine.serve()
    end = page.hear("end")
    assert end["problem"]["text"] == (
        f"The prompt has {CONTEXT + 1} tokens, and the model reads {CONTEXT} with its answer."
    )
    page.ask("a", max_new_tokens=2)
    assert page.hear("end")["figures"]["tokens"] == 2


def test_a_model_that_cannot_be_loaded_says_why(page, version, machine):
    (version.folder / "model.safetensors").write_bytes(b"no weights")
    page.watch()
    page.ask("a")
    machine.serve()
    assert "cannot be loaded" in page.hear("end")["problem"]["text"]
    machine.wait()


def test_a_model_that_is_larger_than_it_may_be_says_so(page, machine, settings):
    settings.PLAYGROUND_MEMORY_BYTES = 10_000
    page.ask("a")
    machine.serve()
    assert "10000" in page.hear("end")["problem"]["text"]


def test_files_that_are_not_on_this_machine_are_missed(page, version, machine):
    version.folder.rename(version.folder.with_name("elsewhere"))
    page.ask("a")
    machine.serve()
    assert "does not have the files" in page.hear("end")["problem"]["text"]


def test_an_open_page_wakes_the_model_and_a_chat_goes_on_from_what_was_said(page, machine):
    page.watch()
    page.tell({"type": "wake"})
    assert page.hear("model")["state"] == "waiting"
    machine.serve()
    while page.hear("model")["state"] != "ready":
        pass
    asked = page.ask("Hello", mode="chat", system="Be short.", max_new_tokens=4)
    first = page.hear("end")["text"]
    page.ask("More", conversation=asked["conversation"], mode="chat", max_new_tokens=4)
    page.hear("end")
    assert Answer.objects.last().request["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": first},
        {"role": "user", "content": "More"},
    ]


def test_who_may_only_read_asks_nothing(pages, hub, project, version):
    viewer = join(make_user("eve@example.com"), project, Role.VIEWER).user
    page = pages.enter_context(open_page(hub, viewer, version.pk))
    assert page.watch()["topics"]
    assert page.ask("a")["type"] == "refused"
    assert not Answer.objects.exists()
    page.tell({"type": "wake"})
    page.watch()
    assert not Serving.objects.exists()


def test_who_is_not_of_the_project_neither_asks_nor_watches(pages, hub, version):
    other = join(make_user("eve@example.com"), make_project("elsewhere"), Role.ADMIN).user
    page = pages.enter_context(open_page(hub, other, version.pk))
    assert page.watch()["refused"] == [f"playground.{version.pk}"]
    assert page.ask("a")["errors"] == {
        "text": ["The conversation or the version is not there any more."]
    }


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": "hot"},
        {"top_p": 10**400},
        {"way": "magic"},
        {"max_new_tokens": 0},
        {"text": "a\ud800"},
    ],
    ids=lambda values: next(iter(values)),
)
def test_odd_values_are_refused_by_name(page, values):
    name = next(iter(values))
    asked = page.ask(**({"text": "a"} | values))
    assert list(asked["errors"]) == [name]


def test_only_the_process_itself_speaks_for_it(hub, version):
    made = Serving.objects.create(version=version, state=Serving.State.LOADING)
    address = f"ws://{hub}/ws/playground/process/{made.pk}/"
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer made-up"}):
        with pytest.raises(InvalidStatus):
            connect(address, origin=Origin(f"http://{hub}"), additional_headers=headers)


def test_a_script_asks_and_waits(hub, project, version, machine):
    user = join(make_user(), project, Role.MEMBER).user
    _, secret = tokens.create(user, project, "script", [Scope.MODELS, Scope.READ])
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    address = f"/api/v1/models/{version.model.slug}/{version.number}/completions"
    body = {"prompt": "Once upon", "decoding": GREEDY, "wait_seconds": 0}
    answer = client.post(address, body, content_type="application/json")
    assert answer.status_code == 202
    machine.serve()
    body["wait_seconds"] = 60
    second = client.post(address, body, content_type="application/json")
    assert second.status_code == 200
    assert second.json()["ended_by"] in {"length", "end"}
    first = client.get(f"/api/v1/answers/{answer.json()['id']}").json()
    assert (first["state"], first["text"]) == ("done", second.json()["text"])
    assert first["tokens"][0]["probability"] > 0
    the_page_of_sampling_asks_it_too(project, version)


def the_page_of_sampling_asks_it_too(project, version):
    """What is in memory, for whoever may ask."""
    browser = signed_in(join(make_user("ada@example.com"), project, Role.MEMBER).user)
    assert browser.get(NEXT_TOKEN).json()["versions"] == [{"id": version.pk, "name": str(version)}]
    found = browser.post(NEXT_TOKEN, {"version": version.pk, "text": "Once upon"}).json()
    assert (found["text"], found["tokens"][0][1]) == ("Once upon", 0)
    long = browser.post(NEXT_TOKEN, {"version": version.pk, "text": "a" * 2_001})
    assert (long.status_code, "2000" in long.json()["error"]) == (422, True)
    reader = signed_in(join(make_user("vera@example.com"), project, Role.VIEWER).user)
    assert reader.get(NEXT_TOKEN).json() == {"versions": []}
    asked = {"version": version.pk, "text": "a"}
    assert reader.post(NEXT_TOKEN, asked).status_code == 403
    eve = join(make_user("eve@example.com"), make_project("zephyr"), Role.ADMIN).user
    assert signed_in(eve).post(NEXT_TOKEN, asked).status_code == 422


def test_a_process_of_an_older_release_tells_no_spread():
    answer = Answer(state=Answer.State.DONE, tokens=[{"text": "a"}], request={"prompt": ""})
    with pytest.raises(next_token.NotAnswered, match="older release"):
        next_token.told(answer)


@pytest.mark.parametrize("path", ["/ws/nowhere/", "/ws/playground/process/abc/"])
def test_a_socket_that_nobody_serves_is_refused(hub, path):
    with pytest.raises(InvalidStatus):
        connect(f"ws://{hub}{path}", origin=Origin(f"http://{hub}"))
