"""The checks that take a process of their own: what it is told, and what its result means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmhub.checklists import checking
from llmhub.checklists.checks import KNOWN
from llmhub.checklists.checks.base import Work
from llmhub.checklists.models import Evidence
from llmhub.lib.problems import Problem

if TYPE_CHECKING:
    from llmhub.jobs.models import Job


class CheckJob:
    module = ""
    is_quick = False

    def values(self, job: Job) -> dict[str, Any]:
        evidence = self.the_evidence(job)
        if not checking.still_fits(evidence):
            raise Problem("subject_changed")
        return self.work(evidence).ask(checking.about(evidence))

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        evidence = self.the_evidence(job)
        told = result | {"node": job.node}
        finding = self.work(evidence).judge(checking.about(evidence), told)
        checking.finish(evidence, finding)
        # It stands with the evidence.
        result.clear()

    def fail(self, job: Job) -> None:
        evidence = checking.of_job(job)
        if evidence:
            checking.broke_off(evidence, job.problem or Problem("cancelled").as_json())

    def the_evidence(self, job: Job) -> Evidence:
        found = checking.of_job(job)
        if found is None:
            raise Problem("discarded")
        return found

    def work(self, evidence: Evidence) -> Work:
        work = KNOWN[evidence.check_name].work
        assert work is not None, "a quick check has no job"
        return work


class Devices(CheckJob):
    module = "workers.checks.devices"


class Resume(CheckJob):
    module = "workers.checks.resume"


class Membership(CheckJob):
    module = "workers.checks.membership"


class Api(CheckJob):
    module = "workers.checks.api"
    # Of no weight, and not behind a report of hours.
    is_quick = True
