"""The models that a run starts from: whether they are there, and where they lie at last.

A spec names them by references. One to another run becomes a row that is followed when a worker
takes the run: the source may still be at work until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from llmhub.lib import model_reference
from llmhub.lib.model_reference import DEMOS, TINY, Kind, NotAReference, Reference
from llmhub.recipes import specs
from llmhub.runs import checkpoints
from llmhub.runs.models import Checkpoint, Run, RunInput
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import TERMINAL

if TYPE_CHECKING:
    from llmhub.accounts.models import Project

CONFIG = "config.json"
# What a model can do is what it was trained for.
WRITES = frozenset({"pretrain", "sft", "dpo", "ppo"})
SCORES = frozenset({"reward"})
FITTING: Mapping[str, frozenset[str]] = {
    "model.base_model": WRITES,
    "model.reward_model": SCORES,
    "data.tokenizer_from": WRITES,
}


class NoSuchModel(Exception):
    """Why a model cannot be started from, in words for the person who chose it."""


class MissingModel(Exception):
    """A run was taken, and what it starts from is not there."""


@dataclass(frozen=True)
class Inputs:
    """What a spec starts from: rows to be saved with the run."""

    rows: list[RunInput]

    def save(self, run: Run) -> None:
        for row in self.rows:
            row.run = run
        RunInput.objects.bulk_create(self.rows)


def check(project: Project, spec: specs.Spec, upstream: Iterable[Run] = ()) -> Inputs:
    """`upstream`: runs that may still be at work, since this one waits for them.

    Raises LaunchRefused with the reasons by field.
    """
    rows, errors = [], {}
    waited_for = {run.pk for run in upstream}
    for name, text in specs.model_inputs(spec).items():
        try:
            row = checked(project, name, text, waited_for)
        except NoSuchModel as error:
            errors[name] = [str(error)]
            continue
        if row:
            rows.append(row)
    if errors:
        raise LaunchRefused(errors)
    return Inputs(rows)


def checked(project: Project, name: str, text: str, waited_for: set[int]) -> RunInput | None:
    """The edge to another run; None for a model that comes from elsewhere."""
    try:
        reference = model_reference.parse(text)
    except NotAReference:
        raise NoSuchModel(
            _(
                "There is no model “%(name)s” here. Choose a checkpoint, a demo model, a folder "
                "or owner/name of the Hugging Face hub."
            )
            % {"name": text}
        ) from None
    if reference.kind is Kind.RUN:
        return of_run(project, name, reference, waited_for)
    if reference.kind is Kind.DEMO:
        check_demo(reference.name)
    elif reference.kind is Kind.FOLDER:
        check_folder(reference.name)
    return None


def of_run(project: Project, name: str, reference: Reference, waited_for: set[int]) -> RunInput:
    source = Run.objects.filter(project=project, pk=int(reference.name)).first()
    if source is None:
        raise NoSuchModel(_("There is no run %(run)s in this project.") % {"run": reference.name})
    if source.is_external:
        raise NoSuchModel(
            _("Run %(run)s was logged by a script: the hub has no checkpoint of it.")
            % {"run": source}
        )
    if source.trashed_at is not None:
        raise NoSuchModel(_("Run %(run)s lies in the trash: restore it first.") % {"run": source})
    if source.objective not in FITTING[name]:
        raise NoSuchModel(
            _("Run %(run)s is no reward model: choose one of the recipe “Reward model”.")
            % {"run": source}
            if FITTING[name] is SCORES
            else _("Run %(run)s is a reward model: it scores texts and cannot write them.")
            % {"run": source}
        )
    waits = source.pk in waited_for and reference.step is None
    # Taken now and not when a worker comes to it, so that the rotation leaves it alone.
    checkpoint = None if waits else checkpoint_of(source, reference.step)
    return RunInput(role=name, source=source, step=reference.step, checkpoint=checkpoint)


def checkpoint_of(source: Run, step: int | None) -> Checkpoint:
    if not source.is_over() and step is None:
        raise NoSuchModel(
            _("Run %(run)s is still at work: choose one of its steps, or wait for its end.")
            % {"run": source}
        )
    found = find(source, step)
    if found is None and step is None:
        raise NoSuchModel(_("Run %(run)s has no checkpoint that is kept.") % {"run": source})
    if found is None:
        raise NoSuchModel(
            _("Run %(run)s has no checkpoint of step %(step)s that is kept.")
            % {"run": source, "step": step}
        )
    if checkpoints.is_deleted(found):
        raise NoSuchModel(deleted(found))
    return found


def deleted(checkpoint: Checkpoint) -> str:
    return _(
        "The checkpoint of step %(step)s is gone: its folder %(folder)s was deleted. "
        "Choose another one."
    ) % {"step": checkpoint.step, "folder": checkpoint.path}


def check_demo(name: str) -> None:
    if name not in DEMOS:
        raise NoSuchModel(
            _("There is no demo model “%(name)s”. There are: %(names)s.")
            % {"name": name, "names": ", ".join(DEMOS)}
        )
    if name != TINY and not (models_folder() / name / CONFIG).is_file():
        raise NoSuchModel(
            _("The demo model “%(name)s” is not installed: run `make models` on the server.")
            % {"name": name}
        )


def check_folder(text: str) -> None:
    """A link may lead anywhere: where it ends is what counts."""
    try:
        place = Path(text).resolve()
        has_config = (place / CONFIG).is_file()
    except (OSError, ValueError):
        raise NoSuchModel(_("There is no folder %(folder)s.") % {"folder": text}) from None
    roots = [Path(root).resolve() for root in settings.MODEL_ROOTS]
    if not any(place.is_relative_to(root) for root in roots):
        raise NoSuchModel(
            _("The folder %(folder)s is not below one of MODEL_ROOTS (%(roots)s).")
            % {"folder": text, "roots": ", ".join(map(str, roots)) or _("none is set")}
        )
    if not has_config:
        raise NoSuchModel(
            _("The folder %(folder)s holds no model: it has no config.json.") % {"folder": text}
        )


def models_folder() -> Path:
    return Path(settings.HUB_DATA) / "models"


def kept(source: Run) -> QuerySet[Checkpoint]:
    return source.checkpoints.filter(removed_at=None)


def find(source: Run, step: int | None) -> Checkpoint | None:
    """That of a step, or the best by validation loss; where none was measured, the newest."""
    if step is not None:
        return kept(source).filter(step=step).order_by("-created_at").first()
    return kept(source).order_by(F("val_loss").asc(nulls_last=True), "-step").first()


def resolve(run: Run) -> dict[str, dict[str, Any]]:
    """Where each model of a run lies, for its job; the same at every attempt.

    Raises MissingModel.
    """
    # What it goes on from is needed until it has a checkpoint of its own.
    rows = run.inputs.exclude(role=RunInput.RESUME).select_related("source", "checkpoint")
    followed = {row.role: follow(row) for row in rows}
    spec = specs.stored(run.config)
    return {
        name: described(model_reference.parse(text), followed.get(name))
        for name, text in specs.model_inputs(spec).items()
    }


def follow(row: RunInput) -> Checkpoint:
    if row.checkpoint is None:
        row.checkpoint = find(row.source, row.step)
        row.save(update_fields=["checkpoint"])
    if row.checkpoint is None:
        which = "checkpoint" if row.step is None else f"checkpoint of step {row.step}"
        raise MissingModel(f"Run {row.source_id} ({row.source}) has no {which} that is kept.")
    if not Path(row.checkpoint.path).is_dir():
        raise MissingModel(
            f"The checkpoint of step {row.checkpoint.step} of run {row.source_id} ({row.source}) "
            f"is not on this machine: {row.checkpoint.path}"
        )
    return row.checkpoint


def described(reference: Reference, checkpoint: Checkpoint | None) -> dict[str, Any]:
    path = checkpoint.path if checkpoint else None
    if reference.kind is Kind.FOLDER:
        path = reference.name
    return {
        "reference": str(reference),
        "kind": str(reference.kind),
        "path": path,
        "sha256": checkpoint.manifest_sha256 if checkpoint else None,
    }


def resume_from(run: Run) -> Checkpoint | None:
    """The checkpoint of another run that this one goes on from, before it has one of its own."""
    row = run.inputs.filter(role=RunInput.RESUME).select_related("source", "checkpoint").first()
    return follow(row) if row else None


def waited_for() -> QuerySet[RunInput]:
    """Edges to runs whose best checkpoint is not known yet: whoever has one is not to be taken."""
    return RunInput.objects.filter(step=None).exclude(source__state__in=TERMINAL)


def waiting_for(run: Run) -> set[int]:
    """The runs that cannot begin before this one has left a checkpoint, and those that wait for
    them in turn."""
    found: set[int] = set()
    reached = {run.pk}
    while reached:
        edges = RunInput.objects.filter(source__in=reached, step=None, checkpoint=None)
        waiting = edges.exclude(run__state__in=TERMINAL)
        reached = {*waiting.values_list("run", flat=True)} - found
        found |= reached
    return found
