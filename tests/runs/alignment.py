"""Recipes of every objective, rows for them, and runs that have left checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmhub.accounts.models import Project
from llmhub.datasets.models import DatasetVersion
from llmhub.lib.rows.kinds import Kind
from llmhub.recipes.models import RecipeVersion
from llmhub.runs.models import Attempt, Checkpoint, Run
from llmhub.runs.states import State
from tests.factories import make_attempt, make_recipe_version, make_rows_version, make_run

BASE = {"base_model": "demo:tiny"}
TRAINING = {"learning_rate": 1e-3, "batch_size": 8, "max_seq_length": 64, "max_steps": 20}
SPECS: dict[str, dict[str, Any]] = {
    "sft": {"objective": "sft", "model": BASE, "training": TRAINING},
    "reward": {"objective": "reward", "model": BASE, "training": TRAINING},
    "dpo": {"objective": "dpo", "model": BASE, "training": TRAINING | {"max_prompt_length": 32}},
    "ppo": {
        "objective": "ppo",
        "model": BASE | {"reward_model": "run:1"},
        "training": {
            "learning_rate": 1e-4,
            "batch_size": 8,
            "mini_batch_size": 4,
            "max_prompt_length": 32,
            "response_length": 16,
            "max_steps": 5,
        },
    },
}
ROWS = {
    Kind.PROMPT_COMPLETION: {"prompt": "a", "completion": "b"},
    Kind.PREFERENCE: {"prompt": "a", "chosen": "b", "rejected": "c"},
    Kind.PROMPTS: {"prompt": "a"},
}
KINDS = {
    "sft": Kind.PROMPT_COMPLETION,
    "reward": Kind.PREFERENCE,
    "dpo": Kind.PREFERENCE,
    "ppo": Kind.PROMPTS,
}


def recipe(objective: str) -> RecipeVersion:
    return make_recipe_version(SPECS[objective])


def rows(project: Project, objective: str) -> DatasetVersion:
    kind = KINDS[objective]
    return make_rows_version(project, kind, [ROWS[kind]] * 40)


def trained(
    project: Project,
    *steps: int,
    state: State = State.SUCCEEDED,
    losses: dict[int, float] | None = None,
    folder: Path | None = None,
    **fields: Any,
) -> Run:
    """A run with checkpoints; with `folder` they are there, if empty."""
    run = make_run(project, State.RUNNING, **fields)
    attempt, _ = make_attempt(run)
    for step in steps:
        add_checkpoint(run, attempt, step, (losses or {}).get(step), folder)
    run.state = state
    run.save(update_fields=["state"])
    return run


def add_checkpoint(
    run: Run, attempt: Attempt, step: int, val_loss: float | None = None, folder: Path | None = None
) -> Checkpoint:
    place = (folder or Path("/nowhere")) / str(run.pk) / f"step-{step}"
    if folder:
        place.mkdir(parents=True)
    return Checkpoint.objects.create(
        run=run,
        attempt=attempt,
        step=step,
        path=str(place),
        bytes=1,
        manifest_sha256=f"{step:064x}",
        val_loss=val_loss,
    )
