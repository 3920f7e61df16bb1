"""The job of an evaluation: what its process is told, and what becomes of its result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmhub.lib.problems import Problem
from llmhub.registry import damage, evaluating, learned_from
from llmhub.registry.models import Evaluation

if TYPE_CHECKING:
    from llmhub.jobs.models import Job

ITEMS = "items.jsonl"


class Evaluate:
    module = "workers.models.evaluate"
    is_quick = False

    def values(self, job: Job) -> dict[str, Any]:
        evaluation = self.the_evaluation(job)
        version, options = evaluation.version, evaluation.options
        learned = learned_from.of(version.run) if options["contamination"] else None
        return {
            "version": {
                "folder": str(version.folder),
                "files": version.files,
                "style": options["style"],
            },
            "task": evaluation.task.as_job(),
            "options": options,
            "learned_from": learned.as_job() if learned else [],
            "unknown": learned.unknown if learned else [],
        }

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        lines = (folder / ITEMS).read_text(encoding="utf-8").splitlines()
        evaluating.keep(self.the_evaluation(job), dict(result), lines)
        # They stand with the evaluation.
        result.clear()

    def fail(self, job: Job) -> None:
        """Nothing was kept; the evaluation's page says why."""
        found = Evaluation.objects.filter(pk=job.params["evaluation"]).first()
        if found:
            damage.note(found.version, job.problem)

    def the_evaluation(self, job: Job) -> Evaluation:
        rows = Evaluation.objects.select_related(
            "version__run", "task__dataset_version__dataset"
        ).filter(pk=job.params["evaluation"])
        found = rows.first()
        if found is None:
            raise Problem("discarded")
        return found
