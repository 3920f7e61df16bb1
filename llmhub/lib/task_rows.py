"""The rows of an evaluation's task: JSON lines that a team writes, each checked with its line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from llmhub.lib.problems import Problem, short
from llmhub.lib.texts import is_storable

MAX_ROWS = 50_000
MAX_ROW_CHARACTERS = 1 << 20
# A prompt of a suite may be said many times over, to become longer than a model reads.
MAX_REPEAT = 100_000
TOPICS = ("empty", "long", "language", "refusal", "own")


class TaskKind(StrEnum):
    """How an answer is scored."""

    LOSS = "loss"
    CHOICE = "choice"
    EXACT = "exact"
    BLEU = "bleu"
    SUITE = "suite"
    LM_EVAL = "lm_eval"
    REVIEW = "review"


# Those whose rows a team writes itself.
WRITTEN = (TaskKind.CHOICE, TaskKind.EXACT, TaskKind.BLEU, TaskKind.SUITE)
# Those whose model writes an answer.
ANSWERED = (TaskKind.EXACT, TaskKind.BLEU, TaskKind.SUITE)


@dataclass(frozen=True)
class TaskRow:
    """`answers`: those that are right; of a choice, the choices. `right`: the place of the right
    one."""

    prompt: str
    answers: tuple[str, ...] = ()
    right: int = 0
    topic: str = ""

    @property
    def expected(self) -> str:
        return self.answers[self.right] if self.answers else ""

    def text(self) -> str:
        """All that it says, to be looked for in training data."""
        return "\n\n".join([self.prompt, *self.answers])


def rows(kind: TaskKind, lines: Iterable[str]) -> Iterator[TaskRow]:
    """Raises Problem with the number of the first line that is wrong; empty lines say nothing."""
    number = 0
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        number += 1
        if number > MAX_ROWS:
            raise Problem("too_many_rows", limit=MAX_ROWS)
        try:
            yield _CHECKS[kind](_object(text))
        except Problem as problem:
            raise problem.at(file="JSONL", line=line) from None
    if not number:
        raise Problem("task_empty")


def problems(kind: TaskKind, lines: Iterable[str], most: int = 10) -> list[Problem]:
    """What is wrong with the first wrong lines; empty where nothing is."""
    found: list[Problem] = []
    is_empty = True
    for line, text in enumerate(lines, 1):
        if not text.strip():
            continue
        is_empty = False
        try:
            _CHECKS[kind](_object(text))
        except Problem as problem:
            found.append(problem.at(file="JSONL", line=line))
        if len(found) == most:
            break
    return found or ([Problem("task_empty")] if is_empty else [])


def _object(text: str) -> dict[str, Any]:
    if len(text) > MAX_ROW_CHARACTERS:
        raise Problem("row_too_long", limit=MAX_ROW_CHARACTERS)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Problem("not_json", detail=str(error)) from None
    if not isinstance(value, dict):
        raise Problem("not_object")
    if not is_storable(value):
        raise Problem("task_odd_text")
    return value


def _prompt(row: dict[str, Any]) -> str:
    """Under the name of a question, too, as most public tasks have it."""
    for name in ("prompt", "question"):
        if name in row:
            return _text(name, row[name])
    raise Problem("task_missing", field="prompt")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Problem("not_text", column=name, found=type(value).__name__)
    return value


def _choice(row: dict[str, Any]) -> TaskRow:
    choices = row.get("choices")
    if not isinstance(choices, list) or len(choices) < 2:
        raise Problem("task_choices")
    texts = tuple(_text("choices", choice) for choice in choices)
    if not all(text.strip() for text in texts):
        raise Problem("task_choices")
    return TaskRow(_prompt(row), texts, _place(row.get("answer"), texts))


def _place(answer: Any, choices: tuple[str, ...]) -> int:
    """Of the right choice: its place from 0, its letter, or its text."""
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(choices):
        return answer
    if isinstance(answer, str):
        if choices.count(answer) == 1:
            return choices.index(answer)
        place = ord(answer) - ord("A") if len(answer) == 1 else -1
        if 0 <= place < len(choices):
            return place
    raise Problem("task_answer", found=short(str(answer)), last=len(choices) - 1)


def _written(row: dict[str, Any]) -> TaskRow:
    """One right answer or several, under the name that a dataset of instructions gives it."""
    found = next((row[name] for name in ("answer", "completion", "answers") if name in row), None)
    answers = found if isinstance(found, list) else [found]
    if found is None or not answers:
        raise Problem("task_missing", field="answer")
    texts = tuple(_text("answer", answer) for answer in answers)
    if not any(text.strip() for text in texts):
        raise Problem("task_missing", field="answer")
    return TaskRow(_prompt(row), texts)


def _suite(row: dict[str, Any]) -> TaskRow:
    topic = row.get("topic", "own")
    if topic not in TOPICS:
        raise Problem("task_topic", found=short(str(topic)), known=", ".join(TOPICS))
    repeat = row.get("repeat", 1)
    if not isinstance(repeat, int) or isinstance(repeat, bool) or not 1 <= repeat <= MAX_REPEAT:
        raise Problem("task_repeat", limit=MAX_REPEAT)
    prompt = _prompt(row)
    if len(prompt) * repeat > MAX_ROW_CHARACTERS:
        raise Problem("row_too_long", limit=MAX_ROW_CHARACTERS)
    return TaskRow(prompt * repeat, topic=topic)


_CHECKS: dict[TaskKind, Callable[[dict[str, Any]], TaskRow]] = {
    TaskKind.CHOICE: _choice,
    TaskKind.EXACT: _written,
    TaskKind.BLEU: _written,
    TaskKind.SUITE: _suite,
}
