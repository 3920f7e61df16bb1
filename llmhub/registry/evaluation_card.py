"""What the card of a version says about its scores: each number with the evaluation it is from."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from llmhub.registry.models import Evaluation, ModelVersion
from llmhub.registry.scores import Shown, score_of


def evaluations(version: ModelVersion) -> list[dict[str, Any]]:
    """For `cards.SOURCES`: a title, the number with its interval, how it came about, and where."""
    rows = Evaluation.objects.filter(version=version).newest()
    found = rows.select_related("task").defer("counts")
    return [
        number(each, score)
        for each in sorted(found, key=lambda each: each.task.name)
        if (score := score_of(each))
    ]


def number(evaluation: Evaluation, score: Shown) -> dict[str, Any]:
    known = evaluation.figures.get("contamination")
    return {
        "title": f"{evaluation.task}: {score.title}",
        "text": f"{score} ({score.interval})",
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "items": evaluation.figures["items"],
        "seen_in_training": known["rows"] if known else None,
        "url": reverse("evaluation", args=[evaluation.pk]),
        "evaluation": evaluation.pk,
    }
