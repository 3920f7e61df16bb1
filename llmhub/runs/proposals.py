"""Values that a page of the hub works out for the launch form, and that travel in its address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

from django.urls import reverse

from llmhub.accounts.models import Project
from llmhub.recipes.models import RecipeVersion
from llmhub.recipes.scales import Scale
from llmhub.runs.launch_forms import Proposed


class Unreadable(ValueError):
    """The address says no values."""


def address(project: Project, version: RecipeVersion, proposed: Proposed) -> str:
    """Of the launch form with these values."""
    recipe = {"recipe": version.recipe.slug, "version": version.number}
    query = urlencode({"project": project.slug} | recipe | proposed.query())
    return f"{reverse('run_new')}?{query}"


def read(said: Mapping[str, str]) -> Proposed:
    try:
        values = json.loads(said["values"])
    except (ValueError, RecursionError):
        raise Unreadable from None
    scale = said.get("scale", Scale.FULL)
    if not isinstance(values, dict) or scale not in Scale.values:
        raise Unreadable
    return Proposed(Scale(scale), values, said.get("name", ""))
