"""Multiple choice: the answer is the choice that the model finds likeliest after the question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmhub.lib.task_rows import TaskRow
from workers.models.evaluate.items import Item
from workers.models.evaluate.likelihood import Tell, logps
from workers.models.evaluate.subject import PLAIN_TEXT, Subject


def score(
    subject: Subject, rows: Sequence[TaskRow], tell: Tell
) -> tuple[list[Item], dict[str, Any]]:
    """By the sum of the log-likelihoods of a choice's tokens, and by that sum for each character:
    long choices are less likely by their length alone. As lm-eval's acc and acc_norm."""
    asked = [_asked(subject, row) for row in rows]
    fits = [max(map(len, sequences)) <= subject.context for _, sequences in asked]
    flat = [
        sequence
        for (_, sequences), fit in zip(asked, fits, strict=True)
        for sequence in (sequences if fit else [])
    ]
    values = iter(logps(subject, flat, tell))
    items = [
        _judged(row, begins, [next(values) for _ in sequences]) if fit else _beyond(row)
        for row, (begins, sequences), fit in zip(rows, asked, fits, strict=True)
    ]
    return items, {}


def _asked(subject: Subject, row: TaskRow) -> tuple[int, list[list[int]]]:
    """Where the choices begin, and the question with each of them."""
    question = subject.question(row.prompt)
    # In a text a blank stands before the next word.
    blank = " " if subject.style == PLAIN_TEXT else ""
    return len(question), [question + subject.text(blank + choice) for choice in row.answers]


def _judged(row: TaskRow, begins: int, values: list[Any]) -> Item:
    sums = [float(found[begins:].sum()) for found in values]
    by_length = [
        total / max(1, len(choice)) for total, choice in zip(sums, row.answers, strict=True)
    ]
    chosen, chosen_by_length = (found.index(max(found)) for found in (sums, by_length))
    return Item(
        prompt=row.prompt,
        answer=row.answers[chosen],
        expected=row.expected,
        counts=[float(chosen == row.right), 1.0, float(chosen_by_length == row.right)],
        more={"logps": [round(total, 4) for total in sums], "choices": list(row.answers)},
        said=row.text(),
    )


def _beyond(row: TaskRow) -> Item:
    return Item(
        prompt=row.prompt,
        expected=row.expected,
        counts=[0.0, 1.0, 0.0],
        is_beyond=True,
        said=row.text(),
    )
