"""Reviews: opened, judged item by item, closed into evaluations."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import krippendorff
import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from llmhub.lib import significance
from llmhub.registry import evaluating
from llmhub.registry.models import (
    Evaluation,
    EvaluationItem,
    EvaluationTask,
    Review,
    ReviewKind,
    TaskKinds,
    Verdict,
)

if TYPE_CHECKING:
    from llmhub.accounts.models import User

MOST_ITEMS = 200
RATINGS = (1, 2, 3, 4, 5)
# What a person presses, and what it means where A is the first version.
SIDES = {"a": 1, "tie": 0, "b": -1}


class Refused(Exception):
    """Not done; the text is for the person who asked."""


def can_be_judged(first: Evaluation, second: Evaluation | None) -> bool:
    """Whether there are answers, and both sides answer the same."""
    is_other = second is None or (second.task_id == first.task_id and second != first)
    return first.task.has_answers() and is_other


@transaction.atomic
def open_review(
    user: User,
    facts: dict[str, str],
    first: Evaluation,
    second: Evaluation | None,
    people: Sequence[User],
    limit: int,
) -> Review:
    """`facts`: name and question."""
    review = Review.objects.create(
        project=first.project,
        kind=ReviewKind.PAIRS if second else ReviewKind.RATINGS,
        first=first,
        second=second,
        positions=answered(first, second)[: min(limit, MOST_ITEMS)],
        seed=secrets.randbelow(2**31),
        created_by=user,
        **facts,
    )
    if not review.positions:
        raise Refused(_("There is no answer to judge: every prompt was too long."))
    review.people.set(people)
    return review


def answered(first: Evaluation, second: Evaluation | None) -> list[int]:
    """Items of which all versions wrote an answer."""
    found = set(first.items.filter(is_beyond=False).values_list("position", flat=True))
    if second:
        found &= set(second.items.filter(is_beyond=False).values_list("position", flat=True))
    return sorted(found)


@dataclass(frozen=True)
class Question:
    """An item as a person sees it: answers without names."""

    position: int
    prompt: str
    topic: str
    answers: list[str]
    done: int
    total: int


def next_question(review: Review, person: User) -> Question | None:
    """None where the person has judged all."""
    mine = review.verdicts.filter(person=person)
    done = set(mine.values_list("position", flat=True))
    left = [place for place in review.order_for(person) if place not in done]
    if not left:
        return None
    place = left[0]
    rows = EvaluationItem.objects.filter(position=place)
    items = [rows.get(evaluation=each) for each in (review.first_id, review.second_id) if each]
    answers = [item.answer for item in items]
    if review.second_id and review.is_swapped(person, place):
        answers.reverse()
    total = len(review.positions)
    return Question(place, items[0].prompt, items[0].topic, answers, total - len(left), total)


def judge(review: Review, person: User, position: int, said: str) -> None:
    """Said again, it is changed. Raises Refused for what cannot be judged so."""
    if not review.is_open():
        raise Refused(_("The review is closed."))
    if position not in review.positions:
        raise Refused(_("The review has no such item."))
    value = meaning(review, person, position, said)
    Verdict.objects.update_or_create(
        review=review, position=position, person=person, defaults={"value": value}
    )


def meaning(review: Review, person: User, position: int, said: str) -> int:
    if review.kind == ReviewKind.PAIRS and said in SIDES:
        return -SIDES[said] if review.is_swapped(person, position) else SIDES[said]
    if review.kind == ReviewKind.RATINGS and said in map(str, RATINGS):
        return int(said)
    raise Refused(_("Choose one of the answers."))


@transaction.atomic
def close(review: Review, user: User) -> list[Evaluation]:
    """The results as an evaluation of each version. Raises Refused without any verdict."""
    review = Review.objects.select_for_update().get(pk=review.pk)
    if not review.is_open():
        raise Refused(_("The review is closed."))
    verdicts = by_item(review)
    if not verdicts:
        raise Refused(_("Nobody has judged anything yet."))
    task = task_of(review, user)
    sides = [(review.first, 1)] + ([(review.second, -1)] if review.second else [])
    found = [result(review, task, each, side, verdicts, user) for each, side in sides]
    review.results.set(found)
    review.closed_at = timezone.now()
    review.save(update_fields=["closed_at"])
    return found


def by_item(review: Review) -> dict[int, dict[int, int]]:
    """{position: {person: value}}"""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for position, person, value in review.verdicts.values_list("position", "person_id", "value"):
        found[position][person] = value
    return dict(sorted(found.items()))


def task_of(review: Review, user: User) -> EvaluationTask:
    facts = {
        "kind": TaskKinds.REVIEW,
        "name": review.name,
        "description": review.question,
        "rule": {"review": review.pk},
    }
    evaluating.lock(review.project)
    return evaluating.create(review.project, user, facts, rows=len(review.positions))


def result(
    review: Review,
    task: EvaluationTask,
    of: Evaluation,
    side: int,
    verdicts: dict[int, dict[int, int]],
    user: User,
) -> Evaluation:
    values = {place: mean_of(review, list(said.values()), side) for place, said in verdicts.items()}
    rows = np.array([[value, 1.0] for value in values.values()])
    interval = significance.bootstrap(rows, significance.ratio)
    judged = EvaluationItem.objects.filter(evaluation=of, position__in=values)
    found = Evaluation.objects.create(
        project=review.project,
        version=of.version,
        task=task,
        options=of.options,
        created_by=user,
        counts=rows.tolist(),
        figures=of.figures
        | {
            "score": {
                "name": "preferred" if review.kind == ReviewKind.PAIRS else "rating",
                "value": float(rows[:, 0].mean()),
                "low": interval.low,
                "high": interval.high,
                "method": "bootstrap",
            },
            "more": [],
            "clean": None,
            "items": len(values),
            "beyond": 0,
            "people": len({person for said in verdicts.values() for person in said}),
            "agreement": agreement(review, verdicts),
        },
    )
    EvaluationItem.objects.bulk_create(
        EvaluationItem(
            evaluation=found,
            position=place,
            prompt=item.prompt,
            answer=item.answer,
            expected=item.expected,
            topic=item.topic,
            is_known=item.is_known,
            counts=[values[item.position], 1.0],
        )
        for place, item in enumerate(judged.order_by("position"))
    )
    return found


def mean_of(review: Review, said: list[int], side: int) -> float:
    """Of all people: the share of comparisons won, a tie being half of one, or the mean rating."""
    if review.kind == ReviewKind.RATINGS:
        return sum(said) / len(said)
    return sum((1 + side * value) / 2 for value in said) / len(said)


def agreement(review: Review, verdicts: dict[int, dict[int, int]]) -> dict[str, Any]:
    """Over items that several people judged; alpha is None where it is not defined."""
    shared = [said for said in verdicts.values() if len(said) > 1]
    alike = sum(len(set(said.values())) == 1 for said in shared)
    return {
        "items": len(shared),
        "share": alike / len(shared) if shared else None,
        "alpha": alpha(review, shared),
    }


def alpha(review: Review, shared: Sequence[dict[int, int]]) -> float | None:
    """Krippendorff's: 1 is perfect, 0 is what chance would give."""
    if len({value for said in shared for value in said.values()}) < 2:
        return None
    people = sorted({person for said in shared for person in said})
    data = np.array([[said.get(person, np.nan) for said in shared] for person in people])
    level: Any = "nominal" if review.kind == ReviewKind.PAIRS else "interval"
    return float(krippendorff.alpha(reliability_data=data, level_of_measurement=level))
