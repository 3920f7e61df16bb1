"""The part about evaluations on the page of a model's version."""

from __future__ import annotations

from typing import Any

from django import template

from llmhub.registry.models import Evaluation, ModelVersion
from llmhub.registry.scores import score_of

register = template.Library()


@register.simple_tag
def evaluations_of(version: ModelVersion) -> list[dict[str, Any]]:
    """The newest of each task, and what is under way."""
    rows = Evaluation.objects.filter(version=version).order_by("task_id", "-pk")
    newest = rows.distinct("task_id").select_related("task", "job").defer("counts")
    return [
        {
            "evaluation": each,
            "score": score_of(each),
            "known": (each.figures.get("contamination") or {}).get("rows"),
        }
        for each in sorted(newest, key=lambda each: each.task.name)
    ]
