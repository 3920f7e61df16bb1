"""Where concepts and terms live among runs, recipes and metrics: see llmhub.reference.places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.db.models import (
    BooleanField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from llmhub.lib import metric_names
from llmhub.metrics.filters import fields
from llmhub.metrics.filters.conditions import Compiler
from llmhub.metrics.filters.names import Names
from llmhub.metrics.filters.parser import parse
from llmhub.metrics.filters.tree import Figure
from llmhub.recipes.models import RecipeVersion
from llmhub.recipes.templatetags.recipes import localized
from llmhub.reference.places import Asked, Found, Place, Places, Subject
from llmhub.runs.models import Run


def runs(subjects: Sequence[Subject], asked: Asked) -> Places:
    """How many runs each filter finds: one pass over the project's runs for all of them."""
    wanted = conditions(subjects, asked)
    counts = {key(slug): Count("pk", filter=each) for slug, each in wanted.items()}
    rows = Run.objects.filter(project=asked.project).listed()
    numbers = rows.aggregate(**counts) if counts else {}
    filters = {subject.slug: subject.runs for subject in subjects}
    found = {slug: Found(count=numbers[key(slug)], url=runs_url(filters[slug])) for slug in wanted}
    return Places("runs", _("Runs"), found)


def recipes(subjects: Sequence[Subject], asked: Asked) -> Places:
    """The recipes whose newest values the same filters find."""
    wanted = conditions(subjects, asked)
    fits = {key(slug): ExpressionWrapper(q, BooleanField()) for slug, q in wanted.items()}
    wide = newest(asked).annotate(**fits)
    rows = list(wide.values("recipe__slug", "recipe__title", *fits)) if fits else []
    found = {slug: Found([recipe(row) for row in rows if row[key(slug)]]) for slug in wanted}
    return Places("recipes", _("Recipes"), found)


def metrics(subjects: Sequence[Subject], asked: Asked) -> Places:
    """The metrics by which it is watched, each with the runs that have it."""
    found = {each.slug: Found([*map(metric, each.metrics)]) for each in subjects if each.metrics}
    return Places("metrics", _("Metrics"), found)


def conditions(subjects: Sequence[Subject], asked: Asked) -> Mapping[str, Q]:
    """What each filter asks for, by the slug of its subject."""
    compiler = Compiler(Names(asked.project), fields.Asked(asked.user, timezone.now()))
    nodes = {subject.slug: parse(subject.runs) for subject in subjects}
    return {slug: compiler.of(node) for slug, node in nodes.items() if node}


def key(slug: str) -> str:
    """No column has such a name."""
    return f"of_{slug}"


def newest(asked: Asked) -> QuerySet[RecipeVersion]:
    """The newest version of each recipe, with the names that a filter of runs uses."""
    newer = RecipeVersion.objects.filter(recipe=OuterRef("recipe"), number__gt=OuterRef("number"))
    visible = Q(recipe__project=asked.project) | Q(recipe__project=None)
    rows = RecipeVersion.objects.filter(visible, ~Exists(newer))
    rows = rows.alias(config=F("spec"), objective=F("recipe__objective"))
    return rows.order_by("recipe__position", "recipe__slug")


def recipe(row: Mapping[str, Any]) -> Place:
    return Place(localized(row["recipe__title"]), reverse("recipe", args=[row["recipe__slug"]]))


def metric(name: str) -> Place:
    known = metric_names.KNOWN.get(name)
    title = _(known.title) if known else name
    return Place(title, runs_url(f"has {Figure(function='last', metric=name)}"), about=name)


def runs_url(filter_: str) -> str:
    return f"{reverse('runs')}?{urlencode({'filter': filter_}, safe='(),/@:!~')}"
