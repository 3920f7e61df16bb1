"""What the card of a version says about its scores: each number with the evaluation it is from."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from llmhub.registry.models import Evaluation, ModelVersion
from llmhub.registry.scores import Shown, score_of


def evaluations(version: ModelVersion) -> list[dict[str, Any]]:
    """The newest of each task, with the fields of a figure of the card."""
    rows = Evaluation.objects.filter(version=version).newest()
    found = rows.select_related("task").defer("counts")
    return [
        number(each, score)
        for each in sorted(found, key=lambda each: each.task.name)
        if (score := score_of(each))
    ]


def number(evaluation: Evaluation, score: Shown) -> dict[str, Any]:
    items = evaluation.figures["items"]
    counted = ngettext("%(count)s item", "%(count)s items", items) % {"count": items}
    return {
        "title": f"{evaluation.task}: {score.title}",
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "method": f"{counted}, {score.how}",
        "warning": warning(evaluation),
        "source": _("evaluation %(number)s") % {"number": evaluation.pk},
        "url": reverse("evaluation", args=[evaluation.pk]),
    }


def warning(evaluation: Evaluation) -> str:
    """What makes a score worth less."""
    known = evaluation.figures.get("contamination")
    if known is None:
        return _("not known whether it was seen in training")
    if not known["rows"]:
        return ""
    share = {"rows": known["rows"], "items": evaluation.figures["items"]}
    return _("%(rows)s of %(items)s seen in training") % share
