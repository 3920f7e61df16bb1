"""Real rows for tests, one plain function a kind. What a test does not name gets a sound value."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from llmhub.accounts.models import Membership, Project, Role, User, hash_secret, new_secret
from llmhub.checklists import begin
from llmhub.checklists.items import MOST_ITEMS, Content
from llmhub.checklists.models import (
    Checklist,
    Evidence,
    EvidenceKind,
    Guards,
    Meaning,
    Outcome,
    Signature,
    Template,
    TemplateVersion,
    Waiver,
)
from llmhub.datasets import storing
from llmhub.datasets.identity import content_hash
from llmhub.datasets.models import (
    Dataset,
    DatasetFile,
    DatasetVersion,
    Mix,
    MixPart,
    MixVersion,
)
from llmhub.lib.canonical import digest
from llmhub.recipes import specs
from llmhub.recipes.models import Recipe, RecipeVersion
from llmhub.recipes.scales import Scale
from llmhub.reference.models import OwnResource, Purpose
from llmhub.registry.models import (
    Evaluation,
    EvaluationItem,
    EvaluationTask,
    Export,
    Form,
    Model,
    ModelVersion,
    VersionState,
)
from llmhub.research.models import Hypothesis, LinkedRun, Part
from llmhub.runs.models import Attempt, Run
from llmhub.runs.states import State

_serial = itertools.count(1)

TEXT = "It is a truth universally acknowledged, that a loss must be in want of a minimum.\n" * 40

# A GPT-2 that trains in seconds: the shape of the real recipe with everything small.
SMOKE_SPEC: dict[str, Any] = {
    "objective": "pretrain",
    "model": {
        "architecture": "gpt2",
        "vocab_size": 256,
        "n_positions": 64,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 2,
        "n_inner": 128,
    },
    "training": {
        "batch_size": 8,
        "micro_batch_size": 8,
        "learning_rate": 2e-3,
        "warmup_steps": 5,
        "max_steps": 40,
    },
    "data": {"tokenizer": "bytes"},
}


def make_user(email: str = "alice@example.com", password: str | None = None, **fields: Any) -> User:
    fields.setdefault("name", email.partition("@")[0].capitalize())
    return User.objects.create_user(email, password, **fields)


def make_project(slug: str = "atlas", **fields: Any) -> Project:
    fields.setdefault("name", slug.capitalize())
    return Project.objects.create(slug=slug, **fields)


def join(user: User, project: Project, role: Role = Role.MEMBER) -> Membership:
    return Membership.objects.create(user=user, project=project, role=role)


def make_dataset_version(
    project: Project, text: str = TEXT, slug: str = "", **fields: Any
) -> DatasetVersion:
    """A version of one plain text."""
    reading = {"format": "text", "kind": "text", "columns": {}}
    figures = {"rows": text.count("\n\n") + 1, "characters": len(text), "sample": [{"text": text}]}
    return make_version(project, slug, "data.txt", text.encode(), reading, figures | fields)


def make_rows_version(
    project: Project, kind: str, rows: list[dict[str, Any]], slug: str = "", **fields: Any
) -> DatasetVersion:
    """A version of JSON lines with the canonical columns of the kind."""
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    reading = {"format": "jsonl", "kind": kind, "columns": {name: name for name in rows[0]}}
    figures = {"rows": len(rows), "characters": len(content), "sample": rows[:4]}
    return make_version(project, slug, "data.jsonl", content, reading, figures | fields)


def make_version(
    project: Project,
    slug: str,
    name: str,
    content: bytes,
    reading: dict[str, Any],
    fields: dict[str, Any],
) -> DatasetVersion:
    slug = slug or f"text-{next(_serial)}"
    dataset, _ = Dataset.objects.get_or_create(
        project=project, slug=slug, defaults={"name": slug.capitalize()}
    )
    sha256 = hashlib.sha256(content).hexdigest()
    stored = f"datasets/{sha256}{storing.ending(name)}"
    if not default_storage.exists(stored):
        default_storage.save(stored, ContentFile(content))
    reading = {"encoding": "utf-8", "skip_bad": False} | reading
    values = {
        "number": dataset.versions.count() + 1,
        "sha256": content_hash([sha256], reading),
        "kind": reading["kind"],
        "reading": reading,
        "bytes": len(content),
    }
    version = DatasetVersion.objects.create(dataset=dataset, **(values | fields))
    DatasetFile.objects.create(
        version=version, position=0, name=name, stored=stored, sha256=sha256, bytes=len(content)
    )
    return version


def make_mix(project: Project, parts: dict[str, DatasetVersion], slug: str = "") -> MixVersion:
    """A mix of equal parts, by slot."""
    slug = slug or f"mix-{next(_serial)}"
    mix = Mix.objects.create(project=project, slug=slug, name=slug.capitalize())
    version = MixVersion.objects.create(mix=mix, number=1, sha256="")
    for position, (slot, dataset_version) in enumerate(parts.items()):
        MixPart.objects.create(
            version=version,
            position=position,
            slot=slot,
            weight=1 / len(parts),
            dataset_version=dataset_version,
        )
    return version


def make_recipe_version(
    spec: dict[str, Any] | None = None, project: Project | None = None, slug: str = ""
) -> RecipeVersion:
    """Version 1 of a new recipe, or the next version of the recipe named by `slug`."""
    typed = specs.parse(spec or SMOKE_SPEC)
    slug = slug or f"recipe-{next(_serial)}"
    recipe, _ = Recipe.objects.get_or_create(
        slug=slug,
        defaults={
            "project": project,
            "objective": typed.objective,
            "title": {"en": slug.capitalize(), "fr": slug.capitalize()},
        },
    )
    return RecipeVersion.objects.create(
        recipe=recipe, number=recipe.versions.count() + 1, spec=specs.dump(typed)
    )


def make_resource(project: Project, **fields: Any) -> OwnResource:
    values = {"title": "Manual", "url": "https://example.com/manual", "purpose": Purpose.TOOLS}
    return OwnResource.objects.create(project=project, **(values | fields))


def make_run(project: Project, state: State = State.QUEUED, **fields: Any) -> Run:
    """A run of a small GPT-2. Pass `spec` for another config; any column may be named."""
    typed = specs.parse(fields.pop("spec", None) or SMOKE_SPEC)
    if "recipe_version" not in fields:
        fields["recipe_version"] = make_recipe_version(specs.dump(typed))
    if "dataset_version" not in fields:
        fields["dataset_version"] = make_dataset_version(project)
    now = timezone.now()
    values = {
        "name": f"run {next(_serial)}",
        "objective": typed.objective,
        "scale": Scale.SMOKE,
        "config": specs.dump(typed),
        "total_steps": getattr(typed.training, "max_steps", None) or 1,
        "queued_at": None if state == State.DRAFT else now,
    }
    return Run.objects.create(project=project, state=state, **(values | fields))


def make_external_run(project: Project, state: State = State.RUNNING, **fields: Any) -> Run:
    """A run that a script logs."""
    values = {
        "name": f"script {next(_serial)}",
        "config": {"lr": 0.001},
        "started_at": timezone.now(),
    }
    return Run.objects.create(project=project, state=state, **(values | fields))


def make_attempt(
    run: Run,
    state: State | None = State.RUNNING,
    lease: timedelta = timedelta(minutes=1),
    **fields: Any,
) -> tuple[Attempt, str]:
    """The attempt that speaks for the run now, and its secret. `state=None` leaves the run's."""
    secret = new_secret()
    now = timezone.now()
    values = {
        "number": run.attempts.count() + 1,
        "fence": run.fence + 1,
        "secret_hash": hash_secret(secret),
        "lease_expires_at": now + lease,
        "claimed_at": now,
        "started_at": now,
    }
    attempt = Attempt.objects.create(run=run, **(values | fields))
    run.fence = attempt.fence
    run.state = state or run.state
    run.save(update_fields=["fence", "state"])
    return attempt, secret


def make_model_version(run: Run, model: Model | None = None, **fields: Any) -> ModelVersion:
    """A version that is ready, without its files. Pass `model` for another version of it."""
    if model is None:
        name = f"model {next(_serial)}"
        model = Model.objects.create(project=run.project, name=name, slug=name.replace(" ", "-"))
    values = {
        "number": model.versions.count() + 1,
        "step": run.step,
        "manifest_sha256": "0" * 64,
        "state": VersionState.READY,
    }
    return ModelVersion.objects.create(model=model, run=run, **(values | fields))


def make_evaluation_task(
    project: Project, kind: str = "exact", name: str = "", **fields: Any
) -> EvaluationTask:
    """A task without its file: pass `stored` for one whose rows are read."""
    name = name or f"task {next(_serial)}"
    values = {"slug": f"task-{next(_serial)}", "rows": 4, "sha256": "0" * 64}
    return EvaluationTask.objects.create(project=project, kind=kind, name=name, **(values | fields))


def make_evaluation(
    version: ModelVersion, task: EvaluationTask, right: str = "1101", **figures: Any
) -> Evaluation:
    """A finished one; `right` says of each item whether it was."""
    counts = [[float(one), 1.0] for one in right]
    share = right.count("1") / len(right)
    score = {"name": "accuracy", "value": share, "low": 0.0, "high": 1.0, "method": "wilson"}
    found = {
        "score": score,
        "more": [],
        "clean": None,
        "items": len(right),
        "beyond": 0,
        "contamination": None,
        "unknown": [],
        "style": "text",
        "context": 512,
        "device": "cpu",
        "torch": "2.13.0",
        "seconds": 1.5,
    }
    options = {"style": "text", "limit": 200, "max_new_tokens": 8, "contamination": True}
    evaluation = Evaluation.objects.create(
        project=version.model.project,
        version=version,
        task=task,
        options=options,
        figures=found | figures,
        counts=counts,
    )
    EvaluationItem.objects.bulk_create(
        EvaluationItem(
            evaluation=evaluation,
            position=place,
            prompt=f"question {place}",
            answer=f"answer {place}",
            expected="4",
            counts=of_one,
        )
        for place, of_one in enumerate(counts)
    )
    return evaluation


def make_export(
    version: ModelVersion, contents: dict[str, bytes] | None = None, **fields: Any
) -> Export:
    """An export that is done, with these files."""
    contents = {"model.safetensors": b"weights"} if contents is None else contents
    files = [
        {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    ]
    values = {
        "form": Form.BF16,
        "files": files,
        "bytes": sum(map(len, contents.values())),
        "quality": QUALITY,
    }
    export = Export.objects.create(version=version, **(values | fields))
    for name, content in contents.items():
        path = export.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return export


PASSWORD = "correct horse battery staple"


def make_item(key: str = "benchmarks", **fields: Any) -> dict[str, Any]:
    """One that a member signs, or what a check decides where `check` names one."""
    values: dict[str, Any] = {"key": key, "title": {"en": key.capitalize()}, "depends": ["recipe"]}
    if "check" in fields:
        values["how"] = "both"
    if fields.get("how") == "machine":
        values["signers"] = []
    return values | fields


def make_template(
    *items: dict[str, Any],
    project: Project | None = None,
    guards: str = Guards.LAUNCH,
    slug: str = "",
) -> TemplateVersion:
    """Version 1 of a template with these items in order, or the next one of that slug."""
    items = items or (make_item(),)
    groups = [
        {"key": f"group-{at}", "title": {"en": "Group"}, "items": items[at : at + MOST_ITEMS]}
        for at in range(0, len(items), MOST_ITEMS)
    ]
    slug = slug or f"template-{next(_serial)}"
    content = Content.model_validate({"title": {"en": slug.capitalize()}, "groups": groups})
    template, _ = Template.objects.get_or_create(
        project=project, slug=slug, defaults={"guards": guards}
    )
    return TemplateVersion.objects.create(
        template=template,
        number=template.versions.count() + 1,
        content=content.as_json(),
        sha256=digest(content.as_json()),
    )


def make_checklist(
    *items: dict[str, Any], run: Run | None = None, version: ModelVersion | None = None
) -> Checklist:
    """Of a run, whether it waits or not, or of a version of a model; as the hub begins it."""
    subject = version or run or make_run(make_project(), State.AWAITING_SIGN_OFF)
    project = subject.model.project if isinstance(subject, ModelVersion) else subject.project
    is_version = isinstance(subject, ModelVersion)
    guards = Guards.PRODUCTION if is_version else Guards.LAUNCH
    template = make_template(*items, project=project, guards=guards).template
    with transaction.atomic():
        begun = begin.for_version(subject, None) if is_version else begin.again(subject, None)
    return next(one for one in begun if one.template_version.template_id == template.pk)


def make_signature(checklist: Checklist, key: str, user: User, **fields: Any) -> Signature:
    """As it is stored; `checklists.signing` is what makes them."""
    item = checklist.template_version.parsed.item(key)
    assert item is not None
    values = {
        "parts": checklist.parts(item.depends),
        "parts_hash": checklist.parts_hash(item.depends),
        "role": Role.MEMBER,
        "meaning": Meaning.VERIFIED,
    }
    return Signature.objects.create(checklist=checklist, item=key, user=user, **(values | fields))


def make_waiver(checklist: Checklist, key: str, by: User, **fields: Any) -> Waiver:
    """By a person who answers for it themselves, for a week."""
    item = checklist.template_version.parsed.item(key)
    assert item is not None
    values = {
        "parts": checklist.parts(item.depends),
        "parts_hash": checklist.parts_hash(item.depends),
        "owner": by,
        "reason": "Not needed.",
        "until": timezone.localdate() + timedelta(days=7),
    }
    return Waiver.objects.create(checklist=checklist, item=key, by=by, **(values | fields))


def make_check(
    checklist: Checklist, key: str, outcome: str = Outcome.PASSED, **fields: Any
) -> Evidence:
    """What the item's check found of the subject as it is now."""
    item = checklist.template_version.parsed.item(key)
    assert item is not None
    values = {
        "kind": EvidenceKind.CHECK,
        "outcome": outcome,
        "check_name": item.check,
        "check_version": 1,
        "parts_hash": checklist.parts_hash(item.depends),
    }
    return Evidence.objects.create(checklist=checklist, item=key, **(values | fields))


def make_evidence(checklist: Checklist, key: str, **fields: Any) -> Evidence:
    """What a person attached: a link, unless another kind is named."""
    item = checklist.template_version.parsed.item(key)
    assert item is not None
    values = {
        "kind": EvidenceKind.LINK,
        "link": "https://example.com",
        "parts_hash": checklist.parts_hash(item.depends),
    }
    return Evidence.objects.create(checklist=checklist, item=key, **(values | fields))


QUALITY: dict[str, Any] = {
    "rows": "Fables v1",
    "tokens": 2_000,
    "original": {"loss": 1.0, "perplexity": 2.7183},
    "export": {"loss": 1.01, "perplexity": 2.7456},
    "same_choice": 0.985,
    "prompts": 8,
    "same_answers": 7,
    "answer_tokens": 32,
}


def make_hypothesis(
    project: Project,
    statement: str = "A warm-up lowers the final validation loss",
    *,
    baselines: Iterable[Run] = (),
    variants: Iterable[Run] = (),
    **fields: Any,
) -> Hypothesis:
    found = Hypothesis.objects.create(project=project, statement=statement, **fields)
    for part, runs in ((Part.BASELINE, baselines), (Part.VARIANT, variants)):
        for run in runs:
            LinkedRun.objects.create(hypothesis=found, run=run, part=part)
    return found
