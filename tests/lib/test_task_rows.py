import json

import pytest

from llmhub.lib import task_rows
from llmhub.lib.problems import Problem
from llmhub.lib.task_rows import TaskKind


def only(kind: str, **row) -> task_rows.TaskRow:
    (found,) = task_rows.rows(TaskKind(kind), [json.dumps(row)])
    return found


@pytest.mark.parametrize("answer", [1, "B", "blue"])
def test_the_right_choice_is_a_place_a_letter_or_a_text(answer):
    row = only("choice", question="The sky is", choices=["red", "blue"], answer=answer)
    assert (row.prompt, row.right, row.expected) == ("The sky is", 1, "blue")


def test_an_answer_may_have_the_name_that_datasets_give_it():
    assert only("exact", prompt="2 + 2", completion="4").answers == ("4",)
    assert only("bleu", prompt="hi", answers=["salut", "bonjour"]).answers == ("salut", "bonjour")


def test_a_prompt_may_be_said_many_times_over():
    assert only("suite", prompt="ab", repeat=3, topic="long").prompt == "ababab"


@pytest.mark.parametrize(
    ("kind", "line", "code"),
    [
        ("choice", "{", "not_json"),
        ("choice", "[]", "not_object"),
        ("choice", '{"question": "x", "choices": ["a"], "answer": 0}', "task_choices"),
        ("choice", '{"question": "x", "choices": ["a", "b"], "answer": 2}', "task_answer"),
        ("choice", '{"question": "x", "choices": ["a", "b"], "answer": true}', "task_answer"),
        ("choice", '{"question": "x", "choices": ["a", 1], "answer": 0}', "not_text"),
        ("choice", '{"choices": ["a", "b"], "answer": 0}', "task_missing"),
        ("exact", '{"prompt": "x"}', "task_missing"),
        ("exact", '{"prompt": "x", "answer": " "}', "task_missing"),
        ("exact", '{"prompt": 1, "answer": "x"}', "not_text"),
        ("bleu", '{"prompt": "x", "answers": []}', "task_missing"),
        ("suite", '{"prompt": "x", "topic": "weather"}', "task_topic"),
        ("suite", '{"prompt": "x", "repeat": 0}', "task_repeat"),
        ("suite", '{"prompt": "xxxxxxxxxxxxxxxxxxxx", "repeat": 100000}', "row_too_long"),
        ("suite", '{"prompt": "a\\u0000b"}', "task_odd_text"),
        ("suite", '{"prompt": "a\\ud800"}', "task_odd_text"),
        ("suite", '{"prompt": "x", "more": NaN}', "task_odd_text"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(kind, line, code):
    good = {
        "choice": '{"question": "x", "choices": ["a", "b"], "answer": 0}',
        "suite": '{"prompt": "x"}',
    }.get(kind, '{"prompt": "x", "answer": "y"}')
    with pytest.raises(Problem) as caught:
        list(task_rows.rows(TaskKind(kind), [good, "", line]))
    assert (caught.value.code, caught.value.values["line"]) == (code, 3)
    (told,) = task_rows.problems(TaskKind(kind), [good, "", line])
    assert told.as_json() == caught.value.as_json()


def test_all_wrong_rows_are_told_at_once_up_to_a_limit():
    found = task_rows.problems(TaskKind.SUITE, ["{"] * 30, most=10)
    assert [problem.values["line"] for problem in found] == list(range(1, 11))


def test_a_task_without_rows_is_none():
    assert task_rows.problems(TaskKind.SUITE, ["", " "])[0].code == "task_empty"
    with pytest.raises(Problem, match="no rows"):
        list(task_rows.rows(TaskKind.SUITE, [""]))
