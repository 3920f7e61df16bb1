"""The names and values that the filter's field and the choice of columns offer."""

from __future__ import annotations

from typing import Any

from django.db import connection

from llmhub.accounts.models import Project, User
from llmhub.dashboard.columns import BUILT_IN
from llmhub.datasets.models import Dataset, Mix
from llmhub.metrics.filters.fields import FIELDS
from llmhub.metrics.filters.names import Names
from llmhub.metrics.filters.parser import FLAGS
from llmhub.metrics.filters.tree import FUNCTIONS
from llmhub.recipes.models import Recipe

MOST = 1_000

TAGS = """
    SELECT tag, count(*) FROM runs_run, unnest(tags) tag
    WHERE project_id = %s AND trashed_at IS NULL GROUP BY tag ORDER BY count(*) DESC, tag LIMIT %s
"""


def names(project: Project) -> dict[str, Any]:
    known = Names(project)
    values = {name: list(field.choices) for name, field in FIELDS.items() if field.choices}
    return {
        "fields": [
            {"name": name, "title": str(field.title), "ordered": field.is_ordered}
            for name, field in FIELDS.items()
        ],
        "flags": list(FLAGS),
        "functions": list(FUNCTIONS),
        "metrics": known.metrics,
        "paths": sorted(known.own)[:MOST],
        "values": values | own_values(project),
        "columns": [
            {"key": key, "title": str(title)}
            for key, (title, _) in BUILT_IN.items()
            if key != "name"
        ],
    }


def own_values(project: Project) -> dict[str, list[str]]:
    """Values that a project has of its own."""
    people = User.objects.filter(runs__project=project).distinct().order_by("name")
    recipes = Recipe.objects.visible_in(project).values_list("slug", flat=True)
    data = [
        *Dataset.objects.filter(project=project).values_list("slug", flat=True)[:MOST],
        *Mix.objects.filter(project=project).values_list("slug", flat=True)[:MOST],
    ]
    return {
        "tag": tags(project),
        "recipe": list(recipes[:MOST]),
        "dataset": data,
        "person": ["me", *(str(user) for user in people[:MOST])],
    }


def tags(project: Project) -> list[str]:
    """The most used first."""
    with connection.cursor() as cursor:
        cursor.execute(TAGS, [project.pk, MOST])
        return [tag for tag, _count in cursor.fetchall()]
