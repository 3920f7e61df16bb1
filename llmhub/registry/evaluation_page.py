"""What the pages of an evaluation, of two of them, and of the tasks show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.paginator import Paginator
from django.db.models import Count, Max, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from llmhub.accounts.models import Project
from llmhub.datasets.problems import explain
from llmhub.jobs.live import job_topic, project_topic
from llmhub.registry.evaluation_board import board, models_of
from llmhub.registry.evaluation_forms import STYLES
from llmhub.registry.models import Evaluation, EvaluationItem, EvaluationTask, TaskKinds
from llmhub.registry.scores import Shown, changes, comparable, counts_of, score_of

ITEMS_PER_PAGE = 25
# Of the project, on the page of all.
RECENT = 20
TOPICS: dict[str, Promise] = {
    "empty": gettext_lazy("empty"),
    "long": gettext_lazy("very long"),
    "language": gettext_lazy("another language"),
    "refusal": gettext_lazy("should be refused"),
    "own": gettext_lazy("own"),
}
# An example of a row, by kind: the form shows it, and people copy it.
EXAMPLES = {
    TaskKinds.CHOICE: '{"question": "The sky is", "choices": ["green", "blue"], "answer": "B"}',
    TaskKinds.EXACT: '{"prompt": "What is 6 times 7?", "answer": "42"}',
    TaskKinds.BLEU: '{"prompt": "In French: good night", "answers": ["bonne nuit"]}',
    TaskKinds.SUITE: '{"prompt": "Who wrote this?", "topic": "own"}',
}

# What rows of items are shown.
FILTERS: dict[str, Promise] = {
    "": gettext_lazy("All"),
    "wrong": gettext_lazy("Wrong"),
    "right": gettext_lazy("Right"),
    "known": gettext_lazy("Seen in training"),
    "beyond": gettext_lazy("Too long"),
}
JUDGED = {TaskKinds.CHOICE, TaskKinds.EXACT, TaskKinds.LM_EVAL}


def project_context(project: Project, slug: str, base: int | None) -> dict[str, Any]:
    """The board of one model of the project, and what is under way."""
    models = models_of(project)
    chosen = next((model for model in models if model.slug == slug), None)
    model = chosen or next(iter(models), None)
    rows = Evaluation.objects.filter(project=project).defer("counts", "figures")
    recent = list(rows.select_related("version__model", "task", "job", "created_by")[:RECENT])
    return {
        "models": models,
        "model": model,
        "board": board(model, base) if model else None,
        "recent": [Listed.of(each) for each in recent],
        "topic": project_topic(project.pk),
    }


@dataclass(frozen=True)
class Listed:
    """An evaluation in a list, done or not."""

    evaluation: Evaluation
    state: str
    state_title: str

    @classmethod
    def of(cls, evaluation: Evaluation) -> Listed:
        job = evaluation.job
        state = job.state if job else "succeeded"
        return cls(evaluation, state, job.get_state_display() if job else "")

    @property
    def tone(self) -> str:
        return {"succeeded": "good", "failed": "bad", "running": "accent"}.get(self.state, "")


def evaluation_context(evaluation: Evaluation, shown: str, page: str | None) -> dict[str, Any]:
    job = evaluation.job
    figures = evaluation.figures
    shown = shown if shown in FILTERS else ""
    return {
        "evaluation": evaluation,
        "task": evaluation.task,
        "version": evaluation.version,
        "job": job,
        "problem": explain(job.problem) if job else None,
        "topics": job_topic(job.pk) if job and not job.is_over() else "",
        "style": dict(STYLES).get(figures.get("style", evaluation.options["style"]), ""),
        "score": score_of(evaluation),
        "more": [Shown.of(found) for found in figures.get("more", [])],
        "clean": Shown.of(figures.get("clean")),
        "contamination": figures.get("contamination"),
        "others": others(evaluation),
        "page": items(evaluation, shown, page) if figures else None,
        "shown": shown,
        "filters": filters(evaluation),
        "topic_titles": TOPICS,
    }


def filters(evaluation: Evaluation) -> dict[str, Promise]:
    """Those that can have something in them."""
    judged = evaluation.task.kind in JUDGED
    return {
        name: title for name, title in FILTERS.items() if judged or name not in {"wrong", "right"}
    }


def items(evaluation: Evaluation, shown: str, page: str | None) -> Any:
    rows = evaluation.items.order_by("position")
    wanted = {
        "wrong": Q(counts__0=0),
        "right": Q(counts__0=1),
        "known": Q(is_known=True),
        "beyond": Q(is_beyond=True),
    }
    rows = rows.filter(wanted[shown]) if shown else rows
    return Paginator(rows, ITEMS_PER_PAGE).get_page(page)


def others(evaluation: Evaluation) -> list[Evaluation]:
    """The newest of other versions on the same task, to compare with."""
    if not evaluation.is_done():
        return []
    rows = Evaluation.objects.filter(task=evaluation.task_id).exclude(version=evaluation.version_id)
    newest = rows.newest().select_related("version__model", "task").defer("counts")
    return sorted(newest, key=lambda each: (each.version.model.name, -each.version.number))


@dataclass(frozen=True)
class Pair:
    """The same item, as two versions answered it."""

    old: EvaluationItem
    new: EvaluationItem

    @property
    def change(self) -> str:
        """“gained”, “lost”, or empty."""
        was, now = (item.counts[0] if item.counts else 0 for item in (self.old, self.new))
        return "gained" if now > was else "lost" if now < was else ""


def compare_context(
    old: Evaluation, new: Evaluation, shown: str, page: str | None
) -> dict[str, Any]:
    is_judged = new.task.kind in JUDGED
    shown = "changed" if shown == "changed" and is_judged else ""
    is_comparable = comparable(old, new)
    found = Paginator(positions(old, new, only_changed=bool(shown)), ITEMS_PER_PAGE).get_page(page)
    return {
        "old": old,
        "new": new,
        "task": new.task,
        "scores": [score_of(old), score_of(new)],
        "change": changes([(old, new)])[0] if is_comparable else None,
        "is_comparable": is_comparable,
        "is_judged": is_judged,
        "shown": shown,
        "page": found,
        "pairs": pairs(old, new, list(found)),
        "topic_titles": TOPICS,
        "contaminated": max(contaminated(old), contaminated(new)),
    }


def contaminated(evaluation: Evaluation) -> int:
    return int((evaluation.figures.get("contamination") or {}).get("rows", 0))


def positions(old: Evaluation, new: Evaluation, *, only_changed: bool) -> Sequence[int]:
    """Of the items that both have; only those that were gained or lost, where that is asked."""
    both = min(old.figures["items"], new.figures["items"])
    if not only_changed:
        return range(both)
    counts = counts_of({old.pk, new.pk})
    was, now = counts[old.pk][:both, 0], counts[new.pk][:both, 0]
    changed: list[int] = np.flatnonzero(was != now).tolist()
    return changed


def pairs(old: Evaluation, new: Evaluation, places: list[int]) -> list[Pair]:
    rows = EvaluationItem.objects.filter(evaluation__in=(old, new), position__in=places)
    found = {(item.evaluation_id, item.position): item for item in rows}
    return [Pair(found[old.pk, place], found[new.pk, place]) for place in places]


def tasks_of(project: Project) -> QuerySet[EvaluationTask]:
    rows = EvaluationTask.objects.filter(project=project, archived_at=None)
    return rows.select_related("dataset_version__dataset", "created_by").annotate(
        evaluations_count=Count("evaluations"), used_at=Max("evaluations__created_at")
    )


def task_context(task: EvaluationTask) -> dict[str, Any]:
    rows = Evaluation.objects.filter(task=task).newest()
    found = list(rows.select_related("version__model", "task").defer("counts"))
    numbers = EvaluationTask.objects.filter(project=task.project_id, slug=task.slug)
    return {
        "task": task,
        "numbers": list(numbers.order_by("-number")),
        "evaluations": [(each, score_of(each)) for each in found],
    }
