"""Tasks and evaluations: registered, started, and kept when their job is done."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from llmhub.accounts.models import Project
from llmhub.datasets import storing
from llmhub.datasets.models import DatasetVersion
from llmhub.jobs import lifecycle as jobs
from llmhub.jobs.models import Job
from llmhub.lib import task_rows
from llmhub.lib.task_rows import TaskKind
from llmhub.recipes.specs import Data
from llmhub.registry.models import (
    Evaluation,
    EvaluationItem,
    EvaluationTask,
    ModelVersion,
    TaskKinds,
    VersionState,
)

if TYPE_CHECKING:
    from llmhub.accounts.models import User

JOB_KIND = "model.evaluate"
OPTIONS: dict[str, Any] = {
    "style": "auto",
    "limit": 200,
    "max_new_tokens": 128,
    "contamination": True,
}
MOST_ITEMS = 10_000
MOST_NEW_TOKENS = 2_048
NAME_CHARACTERS = 120
# Rows that a task's page shows.
SAMPLE = 5
SAMPLE_CHARACTERS = 1_000
BUILT_IN = Path(__file__).parent / "suites" / "prompts.jsonl"


class NotReady(Exception):
    """A version whose files are not there."""


@transaction.atomic
def add_written(
    project: Project, user: User | None, facts: Mapping[str, Any], text: str
) -> EvaluationTask:
    """A task of rows that a team wrote; `facts`: kind, name, description, rule. Raises Problem
    where a row is wrong. The same content is not registered twice under a name."""
    lock(project)
    lines = text.split("\n")
    rows = list(task_rows.rows(TaskKind(facts["kind"]), lines))
    content = text.encode()
    sha256 = hashlib.sha256(content).hexdigest()
    known = same(project, facts, sha256=sha256)
    if known:
        return known
    return create(
        project,
        user,
        facts,
        stored=store(content, sha256),
        sha256=sha256,
        rows=len(rows),
        sample=sample(lines),
    )


@transaction.atomic
def add_from_dataset(
    version: DatasetVersion, user: User | None, facts: Mapping[str, Any], share: float
) -> EvaluationTask:
    """Of rows kept out of training (`share` of them), or of all rows (0)."""
    project = version.dataset.project
    lock(project)
    known = same(project, facts, dataset_version=version, share=share)
    return known or create(project, user, facts, dataset_version=version, share=share)


@transaction.atomic
def add_of_lm_eval(project: Project, user: User | None, facts: Mapping[str, Any]) -> EvaluationTask:
    lock(project)
    return same(project, facts) or create(project, user, facts)


def built_in_suite(project: Project, user: User | None) -> EvaluationTask:
    """Empty, very long, other languages, and what should be refused."""
    facts = {
        "kind": TaskKinds.SUITE,
        "name": _("Prompts that go wrong"),
        "description": _(
            "Empty, very long, in other languages, and prompts that should be refused."
        ),
        "rule": {},
    }
    return add_written(project, user, facts, BUILT_IN.read_text(encoding="utf-8"))


def held_out_loss(version: DatasetVersion, user: User | None) -> EvaluationTask:
    """On the rows that a training on this version keeps for validation."""
    name = _("%(data)s, kept out of training") % {"data": version}
    facts = {"kind": TaskKinds.LOSS, "name": name[:NAME_CHARACTERS], "description": "", "rule": {}}
    return add_from_dataset(version, user, facts, Data().validation_share)


def same(project: Project, facts: Mapping[str, Any], **more: Any) -> EvaluationTask | None:
    return EvaluationTask.objects.filter(
        project=project,
        name=facts["name"],
        kind=facts["kind"],
        rule=facts["rule"],
        archived_at=None,
        **more,
    ).first()


def create(
    project: Project, user: User | None, facts: Mapping[str, Any], **more: Any
) -> EvaluationTask:
    """The next number of its name. The caller holds the project's lock."""
    newest = EvaluationTask.objects.filter(project=project, name=facts["name"]).first()
    return EvaluationTask.objects.create(
        project=project,
        created_by=user,
        slug=newest.slug if newest else free_slug(project, facts["name"]),
        number=newest.number + 1 if newest else 1,
        **facts,
        **more,
    )


def lock(project: Project) -> None:
    """Lines up people who register the same name at once."""
    Project.objects.select_for_update().get(pk=project.pk)


def free_slug(project: Project, name: str) -> str:
    """Different names may come to the same slug: those in Chinese all do."""
    base = slugify(name)[:70] or "task"
    rows = EvaluationTask.objects.filter(project=project)
    taken = set(rows.values_list("slug", flat=True))
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(slug for slug in itertools.chain([base], numbered) if slug not in taken)


def store(content: bytes, sha256: str) -> str:
    """Under its hash, once; whole or not at all."""
    folder = settings.HUB_DATA / "task_uploads"
    folder.mkdir(mode=0o700, exist_ok=True)
    staged: Path = folder / f"{sha256}.part"
    try:
        staged.write_bytes(content)
        return storing.hold(staged, f"tasks/{sha256[:2]}/{sha256}.jsonl", sha256)
    finally:
        staged.unlink(missing_ok=True)


def sample(lines: Sequence[str]) -> list[dict[str, Any]]:
    rows = (json.loads(line) for line in lines if line.strip())
    return [shortened(row) for row in itertools.islice(rows, SAMPLE)]


def shortened(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value[:SAMPLE_CHARACTERS] if isinstance(value, str) else value
        for name, value in row.items()
    }


@transaction.atomic
def evaluate(
    version: ModelVersion,
    task: EvaluationTask,
    user: User | None,
    options: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Asked twice while it is under way, done once. Needs model.project and run selected.

    Raises NotReady where the version's files are not there yet.
    """
    project = version.model.project
    lock(project)
    if version.state != VersionState.READY:
        raise NotReady(_("%(version)s has no files yet.") % {"version": version})
    wanted = OPTIONS | dict(options or {})
    wanted["style"] = style_of(version, wanted["style"])
    under_way = Evaluation.objects.filter(version=version, task=task, options=wanted)
    waiting = under_way.filter(job__in=Job.objects.open()).first()
    if waiting:
        return waiting
    found = Evaluation.objects.create(
        project=project, version=version, task=task, options=wanted, created_by=user
    )
    found.job = jobs.start(JOB_KIND, project, user, {"evaluation": found.pk})
    found.save(update_fields=["job"])
    return found


def style_of(version: ModelVersion, wanted: str) -> str:
    """How prompts are put to the version: as its run wrote the rows that it learned from."""
    if wanted != "auto":
        return wanted
    if version.run.objective == "pretrain":
        return "text"
    template = version.run.config.get("data", {}).get("template", "auto")
    return template if isinstance(template, str) else "auto"


def keep(evaluation: Evaluation, figures: dict[str, Any], lines: Sequence[str]) -> None:
    """What the job found, once."""
    # Models of bytes can write NUL, which PostgreSQL refuses.
    lines = [line.replace("\\u0000", "\\ufffd") for line in lines]
    items = [EvaluationItem(evaluation=evaluation, **json.loads(line)) for line in lines]
    EvaluationItem.objects.bulk_create(items, batch_size=1_000)
    evaluation.figures = figures
    evaluation.counts = [item.counts for item in items]
    evaluation.save(update_fields=["figures", "counts"])
