"""Checklists of one item with a check, and what the check looks at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmhub.accounts.models import User
from llmhub.checklists import checking
from llmhub.checklists.checks import KNOWN
from llmhub.checklists.items import Part
from llmhub.checklists.models import Checklist, Evidence, Template, TemplateVersion
from llmhub.datasets.models import DatasetVersion, Report
from llmhub.lib.canonical import digest
from llmhub.registry.models import ModelVersion
from llmhub.runs.models import Run, Worker
from llmhub.runs.states import State
from tests.factories import make_dataset_version, make_run


def content_of(checks: Iterable[str]) -> dict[str, Any]:
    """An item for each check, with the name of the check."""
    items = [
        {
            "key": name,
            "title": {"en": name},
            "how": "both",
            "check": name,
            "depends": list(KNOWN[name].parts) if name in KNOWN else ["recipe"],
        }
        for name in checks
    ]
    return {
        "title": {"en": "Checks"},
        "groups": [{"key": "all", "title": {"en": "All"}, "items": items}],
    }


def make_checklist(about: Run | ModelVersion, *checks: str, content: Any = None) -> Checklist:
    project = about.project if isinstance(about, Run) else about.model.project
    content = content or content_of(checks)
    template, _ = Template.objects.get_or_create(project=project, slug="checks")
    version = TemplateVersion.objects.create(
        template=template,
        number=template.versions.count() + 1,
        content=content,
        sha256=digest(content),
    )
    is_run = isinstance(about, Run)
    return Checklist.objects.create(
        project=project,
        template_version=version,
        run=about if is_run else None,
        model_version=None if is_run else about,
        subject={part.value: str(about) for part in Part},
        hashes={part.value: digest(str(about)) for part in Part},
    )


def checked(about: Run | ModelVersion, name: str, user: User | None = None) -> Evidence:
    """What the check finds, started as a page does."""
    (evidence,) = checking.start(make_checklist(about, name), [name], user)
    return evidence


def codes(evidence: Evidence) -> list[str]:
    return [reason["code"] for reason in evidence.reasons]


def told(evidence: Evidence) -> str:
    return " ".join(map(str, evidence.explained()))


def draft(project: Any, version: DatasetVersion | None = None, **fields: Any) -> Run:
    version = version or make_dataset_version(project)
    return make_run(project, State.DRAFT, dataset_version=version, **fields)


def make_worker(name: str = "node-1", **fields: Any) -> Worker:
    values = {
        "devices": [{"kind": "cpu", "name": "a processor", "memory_bytes": 8 << 30}],
        "slots": 2,
        "disk_free_bytes": 100 << 30,
        "versions": {"python": "3.11.7", "torch": "2.13.0", "llmhub": "0123456789ab"},
    }
    return Worker.objects.create(name=name, **(values | fields))


def make_report(version: DatasetVersion, share: float = 0.1, **changes: Any) -> Report:
    """What is named of its figures is so; the rest is in order."""
    values = {
        "exact": 0.0,
        "near": 0.0,
        "validation": 1_200,
        "leaked": 0,
        "personal": 0,
        "lengths": {"mean": 80.0, "percentiles": {"25": 40, "75": 120}},
    } | changes
    checks = {
        "exact_duplicates": {"rows": 0, "share": values["exact"]},
        "near_duplicates": {"rows": 0, "share": values["near"]},
        "splits": {
            "method": {"share": share, "wanted": 1_000},
            "validation": {"rows": values["validation"]},
        },
        "leakage": {"validation": {"in": {"training": {"rows": values["leaked"]}}}},
        "lengths": {"rows": 12_000, "characters": values["lengths"]},
        "personal": {"rows": values["personal"], "kinds": {}},
    }
    return Report.objects.create(version=version, figures={"checks": checks})
