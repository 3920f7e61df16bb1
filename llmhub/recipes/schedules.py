"""The schedules of a project's recipes, for the page on which they are drawn."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.requests import ProjectRequest
from llmhub.recipes import specs
from llmhub.recipes.figures import counted
from llmhub.recipes.models import Recipe

DRAWN = ("learning_rate", "min_lr", "lr_schedule", "warmup_steps", "warmup_ratio")


@require_safe
@project_required()
def recipe_schedules(request: ProjectRequest) -> HttpResponse:
    visible = Recipe.objects.visible_in(request.project).with_latest()
    # Nothing is drawn of one that has no version yet.
    found = [recipe for recipe in visible if recipe.latest_spec]  # type: ignore[attr-defined]
    return JsonResponse({"recipes": [schedule_of(recipe) for recipe in found]})


def schedule_of(recipe: Recipe) -> dict[str, Any]:
    """From a row of `with_latest()`: no query of its own."""
    spec = specs.stored(recipe.latest_spec)  # type: ignore[attr-defined]
    return {
        "slug": recipe.slug,
        "title": str(recipe),
        "values": {name: getattr(spec.training, name) for name in DRAWN},
        "steps": steps_of(spec),
    }


def steps_of(spec: specs.Spec) -> int | None:
    """None where only the data can tell how many they are."""
    steps = getattr(spec.training, "max_steps", None)
    found = (figure.value for figure in counted(spec) if figure.name == "steps")
    return steps or next((round(value) for value in found), None)
