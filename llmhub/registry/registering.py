"""From a checkpoint to a version of a model: a row at once, its files by a job."""

from __future__ import annotations

import itertools
import shutil
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Max
from django.utils.text import slugify
from django.utils.translation import gettext as _

from llmhub.accounts.models import Project
from llmhub.jobs import lifecycle as jobs
from llmhub.jobs.live import project_topic, publish
from llmhub.registry import lineage
from llmhub.registry.models import Model, ModelVersion, Stage, VersionState
from llmhub.runs import checkpoints, said
from llmhub.runs.inputs import deleted
from llmhub.runs.models import Checkpoint, Run, RunInput
from llmhub.runs.organise import SIGNED_FOR
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import User

KIND = "model.register"
# These are the addresses of other pages.
RESERVED = {"new"}


@transaction.atomic
def register(
    checkpoint: Checkpoint, user: User | None, *, model: Model | None = None, name: str = ""
) -> ModelVersion:
    """The next version of `model`, or of a new one called `name` or as the run is. The same
    checkpoint is not registered twice in a model. Raises Refused, with the reasons by field."""
    run = locked(checkpoint)
    lock(run.project)
    check(run, checkpoint)
    model = model or new_model(run.project, name or name_for(run), user)
    known = model.versions.filter(manifest_sha256=checkpoint.manifest_sha256, run=run)
    version = known.exclude(state=VersionState.FAILED).first()
    return version or add(model, run, checkpoint, user)


def locked(checkpoint: Checkpoint) -> Run:
    """Its run, which nobody deletes now."""
    rows = Run.objects.select_for_update(no_key=True, of=("self",)).select_related("project")
    run = rows.filter(pk=checkpoint.run_id).first()
    if run is None:
        raise Refused({"checkpoint": [_("The run was deleted meanwhile.")]})
    return run


def lock(project: Project) -> None:
    """Lines up those who take the same name, or the next number, at once."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def check(run: Run, checkpoint: Checkpoint) -> None:
    if run.trashed_at is not None:
        reason = _("Run %(run)s lies in the trash: restore it first.") % {"run": run}
    elif checkpoint.removed_at is not None:
        reason = _("The checkpoint of step %(step)s is not kept any more: choose another one.") % {
            "step": checkpoint.step
        }
    elif checkpoints.is_deleted(checkpoint):
        reason = deleted(checkpoint)
    else:
        return
    raise Refused({"checkpoint": [reason]})


def new_model(project: Project, name: str, user: User | None) -> Model:
    """Raises Refused. The caller holds the project's lock."""
    name = said.name(name)
    if not name:
        raise Refused({"name": [_("Give the model a name.")]})
    if named(project, name):
        raise Refused({"name": [_("There is a model of this name: add a version to it.")]})
    return Model.objects.create(
        project=project, name=name, slug=free_slug(project, name), created_by=user
    )


def named(project: Project, name: str) -> Model | None:
    return Model.objects.filter(project=project, name__iexact=name.strip()).first()


def free_slug(project: Project, name: str) -> str:
    """Different names may come to the same slug: those in Chinese all do."""
    base = slugify(name)[:50].strip("-") or "model"
    taken = RESERVED | set(Model.objects.filter(project=project).values_list("slug", flat=True))
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(slug for slug in itertools.chain([base], numbered) if slug not in taken)


def add(model: Model, run: Run, checkpoint: Checkpoint, user: User | None) -> ModelVersion:
    found = lineage.collected(run, checkpoint)
    version = ModelVersion.objects.create(
        model=model,
        number=next_number(model),
        run=run,
        checkpoint=checkpoint,
        step=checkpoint.step,
        manifest_sha256=checkpoint.manifest_sha256,
        licence=lineage.licence_of(found),
        lineage=found,
        created_by=user,
    )
    start(version, checkpoint, user)
    return version


def next_number(model: Model) -> int:
    highest = model.versions.aggregate(highest=Max("number", default=0))["highest"]
    number: int = max(highest, Model.objects.get(pk=model.pk).last_number) + 1
    Model.objects.filter(pk=model.pk).update(last_number=number)
    return number


def start(version: ModelVersion, checkpoint: Checkpoint, user: User | None) -> None:
    """The checkpoint is pinned until its files are copied: the rotation would remove it."""
    unpin = not checkpoint.pinned and checkpoints.pin(checkpoint, pinned=True)
    params = {"version": version.pk, "unpin": checkpoint.pk if unpin else None}
    version.job = jobs.start(KIND, version.model.project, user, params)
    version.state = VersionState.REGISTERING
    version.save(update_fields=["job", "state"])
    tell(version.model)


@transaction.atomic
def again(version: ModelVersion, user: User | None) -> None:
    """Tries once more what failed. Raises Refused where there is nothing to try it with."""
    lock(version.model.project)
    version = ModelVersion.objects.select_related("model__project", "run").get(pk=version.pk)
    if version.state != VersionState.FAILED:
        return
    checkpoint = version.checkpoint
    if checkpoint is None:
        raise Refused({"checkpoint": [_("The checkpoint is gone: delete this version.")]})
    check(version.run, checkpoint)
    start(version, checkpoint, user)


@transaction.atomic
def delete(version: ModelVersion) -> None:
    """With its files; the last version takes the model along. Raises Refused where the version was
    promoted, or people signed for it: its history stays."""
    lock(version.model.project)
    version = ModelVersion.objects.select_related("model", "job").get(pk=version.pk)
    model, folder = version.model, version.folder
    if version.stage != Stage.CANDIDATE or version.promotions.exists():
        raise Refused(
            {"version": [_("%(version)s stays: it was promoted.") % {"version": version}]}
        )
    if ModelVersion.objects.filter(SIGNED_FOR, pk=version.pk).exists():
        reason = _("%(version)s stays: its checklist was signed, checked or waived in part.")
        raise Refused({"version": [reason % {"version": version}]})
    if version.job:
        jobs.cancel(version.job)
    version.delete()
    if not model.versions.exists():
        model.delete()
    transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))
    tell(model)


def tell(model: Model) -> None:
    """Pages that show models of the project fetch them again."""
    publish(project_topic(model.project_id), {"type": "model", "model": model.pk})


def model_of(run: Run) -> Model | None:
    """The model that a run most likely makes the next version of: that of the run itself, or of one
    whose course it goes on with."""
    resumed = RunInput.objects.filter(run=run, role=RunInput.RESUME).values("source")
    rows = ModelVersion.objects.filter(run__in=[run.pk, *resumed.values_list("source", flat=True)])
    version = rows.filter(model__archived_at=None).select_related("model").order_by("-pk").first()
    return version.model if version else None


def name_for(run: Run) -> str:
    """A name for a new model of this run that no other model has."""
    numbered = (f"{run.name[:110]} {number}" for number in itertools.count(2))
    names = itertools.chain([run.name], numbered)
    return next(name for name in names if not named(run.project, name))


@transaction.atomic
def register_here(checkpoint: Checkpoint, user: User | None) -> ModelVersion:
    """By one press: nothing is asked. Raises Refused."""
    # Locked before the look: who presses twice at once makes one model.
    return register(checkpoint, user, model=model_of(locked(checkpoint)))
