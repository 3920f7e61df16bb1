"""The versions of a model side by side: a row a version, a column a task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llmhub.accounts.models import Project
from llmhub.registry.models import Evaluation, EvaluationTask, Model, ModelVersion, Stage, TaskKinds
from llmhub.registry.scores import Change, Shown, changes, comparable, score_of

# The newest versions; a plot of more is a smear.
MOST_VERSIONS = 30
# More columns than that nobody reads: the tasks that were used last.
MOST_TASKS = 12


@dataclass(frozen=True)
class Cell:
    evaluation: Evaluation
    score: Shown | None
    change: Change | None = None
    base: Evaluation | None = None

    @property
    def is_read(self) -> bool:
        """The answers are for people; the score tells a part of them only."""
        return self.evaluation.task.kind == TaskKinds.SUITE

    @property
    def contaminated(self) -> int:
        return int((self.evaluation.figures["contamination"] or {}).get("rows", 0))


@dataclass(frozen=True)
class Row:
    version: ModelVersion
    # In the order of the tasks; None where it was not evaluated.
    cells: list[Cell | None]
    is_base: bool


@dataclass(frozen=True)
class Board:
    tasks: list[EvaluationTask]
    rows: list[Row]
    base: ModelVersion | None
    plots: list[dict[str, Any]] = field(default_factory=list)


def models_of(project: Project) -> list[Model]:
    """Those with something evaluated, the newest first."""
    rows = Model.objects.filter(project=project, archived_at=None)
    evaluated = rows.filter(versions__evaluations__isnull=False).distinct()
    return list(evaluated.order_by("-pk"))


def board(model: Model, base_number: int | None) -> Board:
    found = evaluations_of(model)
    by_version: dict[int, dict[int, Evaluation]] = defaultdict(dict)
    for each in found:
        by_version[each.version_id][each.task_id] = each
    versions = newest_first({each.version_id: each.version for each in found})
    tasks = used_last(found)
    base = base_of(versions, base_number)
    of_base = by_version[base.pk] if base else {}
    cells = {
        (version.pk, task_id): cell
        for task_id in (task.pk for task in tasks)
        for version, cell in column(versions, by_version, of_base.get(task_id), task_id)
    }
    rows = [
        Row(version, [cells.get((version.pk, task.pk)) for task in tasks], version == base)
        for version in versions
    ]
    return Board(tasks, rows, base, plots(tasks, rows))


def evaluations_of(model: Model) -> list[Evaluation]:
    rows = Evaluation.objects.filter(version__model=model).newest()
    return list(rows.select_related("version__model", "task").defer("counts"))


def newest_first(versions: dict[int, ModelVersion]) -> list[ModelVersion]:
    return sorted(versions.values(), key=lambda version: -version.number)[:MOST_VERSIONS]


def used_last(found: Sequence[Evaluation]) -> list[EvaluationTask]:
    tasks = {each.task_id: each.task for each in sorted(found, key=lambda each: each.pk)}
    newest = {each.task_id: each.pk for each in sorted(found, key=lambda each: each.pk)}
    kept = sorted(tasks, key=lambda task_id: -newest[task_id])[:MOST_TASKS]
    return sorted((tasks[task_id] for task_id in kept), key=lambda task: (task.kind, task.name))


def base_of(versions: Sequence[ModelVersion], number: int | None) -> ModelVersion | None:
    """The one that is asked for, else that in production, else the oldest."""
    asked = [version for version in versions if version.number == number]
    in_production = [version for version in versions if version.stage == Stage.PRODUCTION]
    return next(iter([*asked, *in_production, *versions[-1:]]), None)


def column(
    versions: Sequence[ModelVersion],
    by_version: dict[int, dict[int, Evaluation]],
    base: Evaluation | None,
    task_id: int,
) -> list[tuple[ModelVersion, Cell]]:
    """What each version scored, and how that differs from the base; adjusted within the column."""
    found = [(v, by_version[v.pk][task_id]) for v in versions if task_id in by_version[v.pk]]
    others = [each for _, each in found if base and each != base and comparable(base, each)]
    changed = dict(
        zip(
            [each.pk for each in others],
            changes([(base, each) for each in others]) if base else [],
            strict=True,
        )
    )
    return [(v, Cell(each, score_of(each), changed.get(each.pk), base)) for v, each in found]


def plots(tasks: Sequence[EvaluationTask], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For each task that is scored, a point a version, the oldest first."""
    found = []
    for place, task in enumerate(tasks):
        cells = [(row.version, row.cells[place]) for row in reversed(rows)]
        points = [point(version, cell.score) for version, cell in cells if cell and cell.score]
        if len(points) > 1:
            scores = [cell.score for _, cell in cells if cell and cell.score]
            found.append(
                {
                    "task": str(task),
                    "measure": scores[0].title,
                    "is_share": scores[0].measure.is_share,
                    "points": points,
                }
            )
    return found


def point(version: ModelVersion, score: Shown) -> dict[str, Any]:
    return {
        "version": version.number,
        "stage": version.stage,
        "stage_title": version.get_stage_display(),
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "text": f"{score} ({score.interval})",
    }
