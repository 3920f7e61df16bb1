"""The names that a filter of a project may use: metrics, and values of configs and summaries."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from llmhub.accounts.models import Project
from llmhub.lib import metric_names
from llmhub.metrics.filters.errors import FilterError, nearest
from llmhub.metrics.filters.tree import Figure, Name
from llmhub.metrics.models import Series
from llmhub.recipes import fields
from llmhub.runs.models import Run

# What a run has values in, of any names: the first part of a name says which.
TREES = ("config", "summary")
# Names that no recipe has are taken from so many of the newest runs.
LOOKED_AT = 200
MOST_METRICS = 2_000

# From the field of the run to the value in it.
Path = tuple[str, ...]

# A step from one name to the next in the index, however many runs have each.
METRICS = """
    WITH RECURSIVE names (name) AS (
        (SELECT name FROM metrics_series ORDER BY name LIMIT 1)
        UNION ALL
        SELECT (SELECT s.name FROM metrics_series s WHERE s.name > names.name
                ORDER BY s.name LIMIT 1)
        FROM names WHERE names.name IS NOT NULL
    )
    SELECT name FROM names WHERE name IS NOT NULL AND EXISTS (
        SELECT 1 FROM metrics_series s JOIN runs_run r ON r.id = s.run_id
        WHERE s.name = names.name AND r.project_id = %s
    ) LIMIT %s
"""


def is_value(name: Name) -> bool:
    return name.key.startswith(tuple(f"{tree}." for tree in TREES))


@cache
def spec_names() -> dict[str, Path]:
    """The values of every recipe's config, by dotted name."""
    return {f"config.{name}": ("config", *name.split(".")) for name in fields.known()}


def flat_paths(values: Any, path: Path = ()) -> Iterator[Path]:
    if not isinstance(values, dict) or not values:
        yield path
        return
    for name, value in values.items():
        yield from flat_paths(value, (*path, str(name)))


class Names:
    """What is asked of the database is asked at most once."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def value(self, name: Name) -> Path:
        """Where the value stands that `config.…` or `summary.…` names; raises FilterError."""
        tree, _dot, wanted = name.text.partition(".")
        tree = tree.lower()
        # What recipes have costs no query.
        if found := spec_names().get(f"{tree}.{wanted}"):
            return found
        known = {dotted: path for dotted, path in self.values.items() if path[0] == tree}
        if own := known.get(f"{tree}.{wanted}"):
            return own
        short = sorted(dotted for dotted in known if dotted.endswith(f".{wanted}"))
        if len(short) == 1:
            return known[short[0]]
        if short:
            message = _("“%s” is the name of several values.") % name.text
        else:
            message = _("No run here has a value “%s”.") % name.text
        rests = [dotted.removeprefix(f"{tree}.") for dotted in known]
        options = short or [f"{tree}.{rest}" for rest in nearest(wanted, rests)]
        raise FilterError(message, name.start, name.end, options)

    @cached_property
    def values(self) -> dict[str, Path]:
        """Every value that a filter may name, by dotted name."""
        return spec_names() | self.own

    @cached_property
    def own(self) -> dict[str, Path]:
        """What the newest runs have; those of outside scripts may have anything."""
        newest = Run.objects.filter(project=self.project).order_by("-created_at", "-pk")
        rows = newest.values(*TREES)[:LOOKED_AT]
        paths = {path for row in rows for tree in TREES for path in flat_paths(row[tree], (tree,))}
        return {".".join(path): path for path in paths if len(path) > 1}

    def check_metric(self, figure: Figure) -> None:
        """Raises FilterError for a metric that no run of the project has."""
        name = figure.metric
        if name in metric_names.KNOWN:
            return
        if not Series.objects.filter(name=name, run__project=self.project).exists():
            message = _("No run here has a metric “%s”.") % name
            near = nearest(name, [*self.metrics, *metric_names.KNOWN])
            options = [str(Figure(function=figure.function, metric=metric)) for metric in near]
            raise FilterError(message, figure.start, figure.end, options)

    @cached_property
    def metrics(self) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(METRICS, [self.project.pk, MOST_METRICS])
            return [name for (name,) in cursor.fetchall()]
