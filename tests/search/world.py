"""One thing of every kind, all of them named after one word."""

from __future__ import annotations

from django.utils import timezone

from llmhub.accounts.models import Project
from llmhub.reference.models import OwnResource
from llmhub.registry.models import Model
from llmhub.research.models import Hypothesis
from llmhub.runs.models import Pipeline
from tests.factories import (
    make_checklist,
    make_dataset_version,
    make_evaluation_task,
    make_item,
    make_mix,
    make_model_version,
    make_recipe_version,
    make_run,
    make_template,
)


def one_of_every_kind(project: Project, word: str) -> None:
    data = make_dataset_version(project, slug=f"{word}-text")
    make_mix(project, {"all": data}, slug=f"{word}-mix")
    recipe = make_recipe_version(project=project, slug=f"{word}-recipe")
    run = make_run(project, name=f"{word} run", dataset_version=data, recipe_version=recipe)
    model = Model.objects.create(project=project, name=f"{word} model", slug=f"{word}-model")
    make_model_version(run, model, notes=f"The {word} of them all")
    make_checklist(make_item("plan"), run=run)
    make_template(make_item("rare", title={"en": f"Is {word} safe?"}), project=project)
    make_evaluation_task(project, name=f"{word} task")
    Pipeline.objects.create(project=project, name=f"{word} pipeline", scale="smoke")
    Hypothesis.objects.create(project=project, statement=f"{word} learns faster")
    OwnResource.objects.create(
        project=project, title=f"{word} paper", url="https://example.com", purpose="paper"
    )


def put_away(project: Project) -> None:
    """Archived or thrown away, as far as things can be."""
    now = timezone.now()
    project.runs.update(trashed_at=now)
    project.models.update(archived_at=now)
    project.evaluation_tasks.update(archived_at=now)
    project.checklist_templates.update(archived_at=now)
    project.hypotheses.update(archived_at=now)
    project.resources.update(deleted_at=now)
