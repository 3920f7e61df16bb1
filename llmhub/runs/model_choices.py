"""Which models a training may start from: what a form offers, and what it suggests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Prefetch
from django.utils.translation import gettext as _

from llmhub.lib.model_reference import DEMOS, SMOLLM2, TINY, Kind, Reference
from llmhub.recipes import specs
from llmhub.recipes.templatetags.recipes import value
from llmhub.runs.inputs import FITTING, SCORES, WRITES, models_folder
from llmhub.runs.models import Checkpoint, Run
from llmhub.runs.states import TERMINAL

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from llmhub.accounts.models import Project

# (reference, what a person reads), in groups with a title.
Choice = tuple[str, str]
Group = tuple[str, list[Choice]]

MOST_RUNS = 30
MOST_FOLDERS = 100
# The stage before each: where its base model most likely comes from.
AFTER = {"sft": ["pretrain"], "reward": ["sft"], "dpo": ["sft"], "ppo": ["sft"]}


def groups(project: Project, field_name: str) -> list[Group]:
    objectives = FITTING[field_name]
    found = [(_("Runs of this project"), [*of_runs(usable_runs(project, objectives)[:MOST_RUNS])])]
    if objectives == WRITES:
        found.append((_("Demo models"), of_demos()))
    found.append((_("Folders on the server"), of_folders()))
    return [(title, choices) for title, choices in found if choices]


def usable_runs(project: Project, objectives: Iterable[str]) -> QuerySet[Run]:
    """Finished and listed ones with a checkpoint that is still there, the newest first."""
    there = Checkpoint.objects.filter(removed_at=None).order_by("-step")
    finished = project.runs.listed().filter(state__in=TERMINAL, objective__in=objectives)
    kept = finished.filter(checkpoints__removed_at=None, checkpoints__pk__isnull=False).distinct()
    return kept.order_by("-pk").prefetch_related(
        Prefetch("checkpoints", queryset=there, to_attr="kept_checkpoints")
    )


def of_runs(runs: Iterable[Run]) -> Iterator[Choice]:
    for run in runs:
        kept: list[Checkpoint] = run.kept_checkpoints  # type: ignore[attr-defined]
        yield reference(run), _("Best checkpoint of %(run)s") % {"run": named(run, best(kept))}
        for checkpoint in kept:
            label = _("step %(step)s of %(run)s") % {
                "step": value(checkpoint.step),
                "run": named(run, checkpoint),
            }
            yield reference(run, checkpoint.step), label


def reference(run: Run, step: int | None = None) -> str:
    return str(Reference(Kind.RUN, str(run.pk), step))


def named(run: Run, checkpoint: Checkpoint) -> str:
    name = f"{run.name} (#{run.pk})"
    if checkpoint.val_loss is None:
        return name
    loss = float(f"{checkpoint.val_loss:.4g}")
    return _("%(run)s, val loss %(loss)s") % {"run": name, "loss": value(loss)}


def best(kept: list[Checkpoint]) -> Checkpoint:
    """By validation loss; the newest where none was measured."""
    measured = [checkpoint for checkpoint in kept if checkpoint.val_loss is not None]
    return min(measured, key=lambda checkpoint: checkpoint.val_loss or 0, default=kept[0])


def of_demos() -> list[Choice]:
    """A model that has to be installed is offered anyway: the label says how."""
    labels = {
        TINY: _("Tiny Llama, 0.9M parameters, untrained: for trying things out"),
        SMOLLM2: _("SmolLM2 135M Instruct"),
    }
    if not (models_folder() / SMOLLM2).is_dir():
        labels[SMOLLM2] += " · " + _("needs `make models`")
    return [(str(Reference(Kind.DEMO, name)), labels[name]) for name in DEMOS]


def of_folders() -> list[Choice]:
    folders = (folder for root in settings.MODEL_ROOTS for folder in models_in(Path(root)))
    return [
        (str(Reference(Kind.FOLDER, str(folder))), str(folder))
        for folder, _nth in zip(folders, range(MOST_FOLDERS), strict=False)
    ]


def models_in(root: Path) -> list[Path]:
    try:
        return sorted(folder for folder in root.iterdir() if (folder / "config.json").is_file())
    except OSError:
        return []


def likely(project: Project, spec: specs.Spec) -> dict[str, str]:
    """The models that a person without an opinion would start from, by field.

    A reward model reads with the tokenizer of what it was made from: PPO starts from that.
    """
    if "model.reward_model" in specs.model_inputs(spec):
        scorer = usable_runs(project, SCORES).first()
        if scorer:
            base = scorer.config["model"]["base_model"]
            return {"model.reward_model": reference(scorer), "model.base_model": base}
    before = usable_runs(project, AFTER.get(spec.objective, ())).first()
    return {"model.base_model": reference(before)} if before else {}
