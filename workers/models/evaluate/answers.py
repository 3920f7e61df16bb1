"""Answers that the model writes, always taking the likeliest token, and how they are scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import regex
from sacrebleu.metrics.bleu import BLEU

from llmhub.lib.problems import Problem
from llmhub.lib.task_rows import TaskKind, TaskRow
from llmhub.recipes.specs import Samples
from workers.models.evaluate.items import Item
from workers.models.evaluate.likelihood import Tell
from workers.models.evaluate.refusals import is_refusal
from workers.models.evaluate.subject import Subject
from workers.training import samples

AT_ONCE = 8
PATTERN_SECONDS = 1.0
_DIGITS = frozenset("0123456789")


def score(
    subject: Subject,
    kind: TaskKind,
    rule: Mapping[str, Any],
    rows: Sequence[TaskRow],
    max_new_tokens: int,
    tell: Tell,
) -> tuple[list[Item], dict[str, Any]]:
    answers = write(subject, [row.prompt for row in rows], max_new_tokens, tell)
    items = [_item(row, answer) for row, answer in zip(rows, answers, strict=True)]
    if kind is TaskKind.EXACT:
        return _matched(items, rows, rule), {}
    if kind is TaskKind.BLEU:
        return _translated(items, rows)
    return _looked_at(items), {}


def write(
    subject: Subject, prompts: Sequence[str], max_new_tokens: int, tell: Tell
) -> list[str | None]:
    """None for a prompt that leaves no room for an answer: nothing of it is cut off in silence."""
    asked = [subject.question(prompt) for prompt in prompts]
    found: list[str | None] = [None] * len(asked)
    fitting = [place for place, ids in enumerate(asked) if len(ids) < subject.context]
    for done, places in _together(fitting, asked):
        room = subject.context - len(asked[places[0]])
        values = Samples(decoding="greedy", max_new_tokens=min(max_new_tokens, room))
        written = samples.write(
            subject.model,
            subject.tokenizer,
            values,
            [asked[place] for place in places],
            seed=0,
            stop=lambda: False,
        )
        for place, answer in zip(places, written, strict=True):
            found[place] = answer
        tell(done)
    return found


def _together(places: list[int], asked: Sequence[Sequence[int]]) -> Iterator[tuple[int, list[int]]]:
    """Prompts of like length, the longest first, each with how many are done then."""
    order = sorted(places, key=lambda place: -len(asked[place]))
    for start in range(0, len(order), AT_ONCE):
        some = order[start : start + AT_ONCE]
        yield start + len(some), some


def _item(row: TaskRow, answer: str | None) -> Item:
    return Item(
        prompt=row.prompt,
        answer=answer or "",
        expected=row.expected,
        topic=row.topic,
        is_beyond=answer is None,
        said=row.text(),
    )


def _matched(items: list[Item], rows: Sequence[TaskRow], rule: Mapping[str, Any]) -> list[Item]:
    for item, row in zip(items, rows, strict=True):
        found = extracted(item.answer, rule)
        wanted = {extracted(answer, rule) or normal(answer, rule) for answer in row.answers}
        is_right = bool(found) and found in wanted
        item.counts = [float(is_right), 1.0]
        item.more = {"found": found}
    return items


def extracted(text: str, rule: Mapping[str, Any]) -> str:
    """What the pattern finds last in a text: its first group, or all of it; without a pattern the
    whole text."""
    pattern = rule.get("pattern", "")
    if not pattern:
        return normal(text, rule)
    flags = regex.IGNORECASE if rule.get("ignore_case") else 0
    try:
        matches = list(regex.finditer(pattern, text, flags, timeout=PATTERN_SECONDS))
    except TimeoutError:
        raise Problem("slow_pattern", pattern=pattern) from None
    if not matches:
        return ""
    last = matches[-1]
    return normal((last.group(1) if last.re.groups else last.group()) or "", rule)


def normal(text: str, rule: Mapping[str, Any]) -> str:
    """Without what says nothing: blanks, and in numbers the marks between thousands."""
    text = " ".join(text.split())
    if rule.get("ignore_case"):
        text = text.casefold()
    number = text.replace(",", "").removeprefix("$").rstrip(".")
    bare = number.removeprefix("-").replace(".", "", 1)
    return number if bare and set(bare) <= _DIGITS else text


def _translated(items: list[Item], rows: Sequence[TaskRow]) -> tuple[list[Item], dict[str, Any]]:
    metric = BLEU(effective_order=False)
    for item, row in zip(items, rows, strict=True):
        found = metric.sentence_score(item.answer, list(row.answers))
        item.counts = [found.sys_len, found.ref_len, *found.counts, *found.totals]
        item.counts = [float(count) for count in item.counts]
    return items, {"signature": str(metric.get_signature())}


def _looked_at(items: list[Item]) -> list[Item]:
    """Nothing is right or wrong here: what can be told is counted, and people read the rest."""
    for item in items:
        is_asked = item.topic == "refusal"
        refused = is_asked and is_refusal(item.answer)
        item.counts = [float(refused), float(is_asked), float(not item.answer.strip())]
        item.more = {"refused": refused} if is_asked else {}
    return items
