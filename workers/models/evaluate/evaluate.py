"""A version against a task: what became of each item, the scores, and what it knew already."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from llmhub.lib import task_rows
from llmhub.lib.problems import Problem
from llmhub.lib.rows import split
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.task_rows import TaskKind, TaskRow
from workers.data.progress import Progress
from workers.data.reading.source import Source
from workers.models.evaluate import answers, choice, contamination, lm_eval, loss
from workers.models.evaluate.items import Item
from workers.models.evaluate.scores import scores
from workers.models.evaluate.subject import Subject

Tell = Callable[[int], None]


def evaluate(values: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """The figures; the items go to `items.jsonl`, one a line."""
    started = time.perf_counter()
    folder, kind = Path(values["folder"]), TaskKind(values["task"]["kind"])
    progress("loading", 0, 1)
    rows = _rows(kind, values)
    subject = Subject.of(values["version"])
    items, told = _scored(subject, kind, values, rows, progress)
    if not items:
        raise Problem("nothing_to_score")
    known = _known(values, items, folder, progress)
    _write(folder / "items.jsonl", items, known)
    return {
        **scores(kind, items, set(known["items"]) if known else set()),
        **told,
        "items": len(items),
        "beyond": sum(item.is_beyond for item in items),
        "contamination": known,
        # Base models whose data nobody here knows.
        "unknown": values["unknown"],
        "style": subject.style,
        "context": subject.context,
        "device": str(subject.model.device),
        "torch": torch.__version__,
        "seconds": time.perf_counter() - started,
    }


def _rows(kind: TaskKind, values: Mapping[str, Any]) -> list[TaskRow]:
    """Those that a team wrote, or rows of a dataset as questions with answers."""
    task, limit = values["task"], values["options"]["limit"]
    if kind in {TaskKind.LOSS, TaskKind.LM_EVAL}:
        return []
    if task["source"]:
        return list(islice(_of_dataset(Source.parse(task["source"]), task["share"]), limit))
    path = Path(task["path"])
    if not path.is_file():
        raise Problem("file_missing", file=path.name)
    with path.open(encoding="utf-8") as lines:
        return list(islice(task_rows.rows(kind, lines), limit))


def _of_dataset(source: Source, share: float) -> Any:
    """`share`: of the rows kept out of training; 0 for all of them."""
    for item in source.rows():
        is_held_out = split.is_validation(split.key(Kind.PROMPT_COMPLETION, item.row), share)
        if is_held_out or not share:
            system = item.row.get("system")
            prompt = f"{system}\n\n{item.row['prompt']}" if system else item.row["prompt"]
            yield TaskRow(prompt, (item.row["completion"],))


def _scored(
    subject: Subject,
    kind: TaskKind,
    values: Mapping[str, Any],
    rows: Sequence[TaskRow],
    progress: Progress,
) -> tuple[list[Item], dict[str, Any]]:
    task, options = values["task"], values["options"]

    def tell(done: int) -> None:
        progress("scoring", done, max(1, len(rows) or options["limit"]))

    if kind is TaskKind.LOSS:
        source = Source.parse(task["source"])
        source.verify()
        return loss.score(subject, source, task["share"], options["limit"], tell)
    if kind is TaskKind.LM_EVAL:
        return lm_eval.score(subject, task["rule"]["name"], options["limit"])
    if kind is TaskKind.CHOICE:
        return choice.score(subject, rows, tell)
    return answers.score(subject, kind, task["rule"], rows, options["max_new_tokens"], tell)


def _known(
    values: Mapping[str, Any], items: Sequence[Item], folder: Path, progress: Progress
) -> dict[str, Any] | None:
    """None where it was not asked for, or nothing is known of what the version learned from."""
    if not values["learned_from"]:
        return None
    return contamination.look(
        [item.said for item in items],
        values["learned_from"],
        folder / "contamination",
        lambda done: progress("comparing", done, 1),
    )


def _write(path: Path, items: Sequence[Item], known: dict[str, Any] | None) -> None:
    rows = set(known["items"]) if known else set()
    with path.open("w", encoding="utf-8") as file:
        for position, item in enumerate(items):
            file.write(json.dumps(item.as_json(position, position in rows)) + "\n")
