"""Answers are those of `generate`, whoever else is answered meanwhile."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmhub.lib.problems import Problem
from tests.registry.playground_models import BEAM, GREEDY, SAMPLING, make_model
from workers.models.playground.link import joined
from workers.models.playground.loaded import load
from workers.models.playground.prompt import tokens_of
from workers.models.playground.turns import Turns
from workers.models.playground.writing import Writing

QUESTION = [{"role": "user", "content": "What is a list?"}]
WAYS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (GREEDY, {"do_sample": False}),
    (SAMPLING, {"do_sample": True, "temperature": 0.8, "top_k": 50, "top_p": 0.95}),
    (BEAM, {"do_sample": False, "num_beams": 3}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("models") / "v1")


@pytest.fixture(scope="module")
def loaded(folder):
    return load(folder, "cpu")


def write(loaded, prompt, decoding, *, heard=None, is_unwanted=lambda: False):
    emit = (lambda message: None) if heard is None else heard.append
    return Writing(loaded, prompt, decoding, False, emit, is_unwanted).write()


@pytest.mark.parametrize(("decoding", "options"), WAYS, ids=["greedy", "sampling", "beam"])
def test_an_answer_is_that_of_generate(folder, loaded, decoding, options):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    inputs = tokenizer("Once upon", return_tensors="pt")
    torch.manual_seed(decoding["seed"])
    written = model.generate(**inputs, max_new_tokens=24, **options)[0, inputs.input_ids.shape[1] :]
    answer = write(loaded, tokens_of(loaded, {"prompt": "Once upon"}), decoding)
    assert answer["text"] == tokenizer.decode(written, skip_special_tokens=True)
    assert answer["figures"]["tokens"] == len(written)


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLING, BEAM], ids=["greedy", "sampling", "beam"])
def test_others_beside_it_change_no_token(loaded, decoding):
    prompt = tokens_of(loaded, {"messages": QUESTION})
    alone = write(loaded, prompt, decoding)["text"]
    together: list[str] = []
    others = [decoding, SAMPLING | {"seed": 99}, GREEDY]
    threads = [
        threading.Thread(
            target=lambda values: together.append(write(loaded, prompt, values)["text"]),
            args=(values,),
        )
        for values in others
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(together) == 3
    assert alone in together


def test_a_second_question_does_not_wait_for_the_first(loaded):
    """The first answer is held up at its fifth token, until the second one is written whole."""
    order: list[str] = []
    begun, second_may_start = threading.Event(), threading.Event()

    def slow(message):
        order.append("first")
        if len(order) == 5:
            begun.set()
            second_may_start.wait(10)

    prompt = tokens_of(loaded, {"prompt": "a"})
    long, short = GREEDY | {"max_new_tokens": 60}, GREEDY | {"max_new_tokens": 5}
    first = threading.Thread(
        target=lambda: Writing(loaded, prompt, long, False, slow, lambda: False).write()
    )
    second = threading.Thread(
        target=lambda: Writing(
            loaded, prompt, short, False, lambda m: order.append("second"), lambda: False
        ).write()
    )
    first.start()
    begun.wait(10)
    second.start()
    while not loaded.turns.others_wait():
        pass
    second_may_start.set()
    first.join()
    second.join()
    last_of_second = len(order) - 1 - order[::-1].index("second")
    assert order[last_of_second:].count("first") > 10


def test_each_token_says_how_likely_it_was(folder, loaded):
    prompt = tokens_of(loaded, {"prompt": "Once upon"})
    heard: list[dict[str, Any]] = []
    answer = write(loaded, prompt, GREEDY, heard=heard)
    logits = AutoModelForCausalLM.from_pretrained(folder)(torch.tensor([prompt])).logits[0, -1]
    chances = torch.softmax(logits.detach(), -1)
    first = answer["tokens"][0]
    assert first["probability"] == pytest.approx(float(chances.max()), abs=1e-3)
    assert [chance for _, chance in first["others"]] == pytest.approx(
        chances.topk(5).values.tolist(), abs=1e-3
    )
    assert [token for message in heard for token in message["tokens"]] == answer["tokens"]


def test_beams_are_shown_as_a_draft_and_weighed_at_the_end(loaded):
    prompt = tokens_of(loaded, {"prompt": "Once upon"})
    heard: list[dict[str, Any]] = []
    answer = write(loaded, prompt, BEAM, heard=heard)
    assert {message["type"] for message in heard} == {"draft"}
    assert len(answer["tokens"]) == answer["figures"]["tokens"]
    assert "".join(token["text"] for token in answer["tokens"]) == answer["text"]


def test_an_answer_that_nobody_waits_for_ends_with_the_next_token(loaded):
    heard: list[dict[str, Any]] = []
    prompt = tokens_of(loaded, {"prompt": "a"})
    answer = write(loaded, prompt, GREEDY, heard=heard, is_unwanted=lambda: len(heard) >= 3)
    assert (answer["ended_by"], answer["figures"]["tokens"]) == ("cancelled", 3)


def test_a_prompt_beyond_the_context_is_refused(loaded):
    with pytest.raises(Problem) as refused:
        tokens_of(loaded, {"prompt": "a" * 128})
    assert refused.value.values == {"tokens": 128, "context": 128}


def test_an_answer_ends_where_the_context_is_full(loaded):
    answer = write(loaded, tokens_of(loaded, {"prompt": "a" * 120}), GREEDY)
    assert (answer["ended_by"], answer["figures"]["tokens"]) == ("context", 8)


def test_an_empty_prompt_is_the_beginning_of_a_text(loaded):
    assert write(loaded, tokens_of(loaded, {"prompt": ""}), GREEDY)["text"]


def test_a_chat_is_read_by_the_template_of_the_model(folder, loaded):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    read: Any = tokenizer.apply_chat_template(QUESTION, add_generation_prompt=True)
    assert tokens_of(loaded, {"messages": QUESTION}) == list(read["input_ids"])


def test_turns_go_round():
    turns, order = Turns(), []

    def work(name):
        turns.take()
        for _ in range(3):
            order.append(name)
            turns.pass_on()
        turns.give()

    turns.take()
    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    while len(turns._line) < 3:
        pass
    turns.give()
    for thread in threads:
        thread.join()
    assert "".join(order) in {"ababab", "bababa"}


def test_the_whole_distribution_can_be_asked_for(loaded):
    prompt = tokens_of(loaded, {"prompt": "Once upon"})
    (token,) = write(loaded, prompt, GREEDY | {"max_new_tokens": 1, "spread": True})["tokens"]
    with torch.no_grad():
        logits = loaded.model(torch.tensor([prompt])).logits[0, -1].double()
    found = token["spread"]
    entries = [*((logit, 1) for _text, logit in found["tokens"]), *found["rest"]]
    assert sum(count for _logit, count in entries) == len(logits)
    for temperature, near in ((1, 1e-3), (0.5, 5e-3), (2, 5e-3)):
        total = sum(count * math.exp(logit / temperature) for logit, count in entries)
        likeliest = torch.softmax(logits / temperature, -1).max()
        assert 1 / total == pytest.approx(float(likeliest), rel=near)
    assert "spread" not in write(loaded, prompt, GREEDY)["tokens"][0]


def test_tokens_that_wait_are_sent_together():
    def tokens(answer, *texts):
        return {"type": "tokens", "answer": answer, "tokens": list(texts)}

    end = {"type": "end", "answer": 1}
    sent = joined([tokens(1, "a"), tokens(1, "b"), tokens(2, "c"), tokens(1, "d"), end])
    assert sent == [tokens(1, "a", "b"), tokens(2, "c"), tokens(1, "d"), end]
