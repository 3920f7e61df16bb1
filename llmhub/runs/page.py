"""What the page of one run shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts import access
from llmhub.accounts.models import Role, User
from llmhub.lib import metric_names
from llmhub.recipes import fields, forms, specs
from llmhub.runs import causes
from llmhub.runs.live import run_topic
from llmhub.runs.models import Attempt, Run

GROUPS = {"": gettext_lazy("Kind"), **forms.GROUPS}
# Fields that every spec has and none describes.
TITLES = {"objective": gettext_lazy("Objective")}
# The strip of figures on top of the page.
FIGURES = (
    metric_names.TRAIN_LOSS,
    metric_names.VAL_LOSS,
    metric_names.VAL_PERPLEXITY,
    metric_names.TOKENS_PER_SECOND,
)


@dataclass(frozen=True)
class ConfigRow:
    title: str
    name: str
    unit: str
    help: str
    value: Any
    # The recipe's own value where this one differs from it.
    recipe_value: Any
    differs: bool
    # A person typed it; other differences come from the scale.
    by_person: bool


def runs() -> QuerySet[Run]:
    """Runs with all that their page names."""
    return Run.objects.with_names().select_related("project", "parent", "pipeline")


def context(user: User, run: Run) -> dict[str, Any]:
    place = access.membership(user, run.project_id)
    return {
        "run": run,
        "topic": run_topic(run.pk),
        "may_act": place.may(Role.MEMBER),
        "cause": causes.explain(run.cause),
        "figures": figures(run),
        "attempts": [(attempt, causes.explain(attempt.cause)) for attempt in attempts(run)],
    }


def attempts(run: Run) -> QuerySet[Attempt]:
    return run.attempts.select_related("worker").order_by("-number")


def figures(run: Run) -> list[dict[str, Any]]:
    """The last values, so that the page says something before its charts are there."""
    wanted = {metric.name for metric in FIGURES}
    last = dict(run.series.filter(name__in=wanted).values_list("name", "last"))
    return [
        {"name": metric.name, "title": _(metric.title), "value": last.get(metric.name)}
        for metric in FIGURES
    ]


def metric_titles() -> dict[str, dict[str, str]]:
    """What charts are called; those of several metrics share the unit of their metrics."""
    known = {
        name: {"title": _(metric.title), "unit": _(metric.unit) if metric.unit else ""}
        for name, metric in metric_names.KNOWN.items()
    }
    shared = {
        "loss": {"title": _("Loss"), "unit": known[metric_names.TRAIN_LOSS.name]["unit"]},
        "perplexity": {"title": _("Perplexity"), "unit": ""},
    }
    return known | shared


def config_groups(run: Run) -> list[tuple[str, list[ConfigRow]]]:
    """Every value the trainer reads, by part, marked where the recipe says otherwise."""
    values = specs.flatten(run.config)
    recipe = specs.flatten(run.recipe_version.spec)
    known = fields.describe_values(values)
    names = [name for name in known if name in values]
    names += sorted(values.keys() - known.keys())
    rows = [
        config_row(run, name, values[name], recipe.get(name), known.get(name)) for name in names
    ]
    by_group = groupby(rows, key=lambda row: row.name.rpartition(".")[0])
    return [(str(GROUPS.get(group, group)), list(members)) for group, members in by_group]


def config_row(
    run: Run, name: str, value: Any, recipe_value: Any, field: fields.Field | None
) -> ConfigRow:
    return ConfigRow(
        title=str(TITLES.get(name) or (_(field.title) if field else name)),
        name=name,
        unit=_(field.unit) if field and field.unit else "",
        help=_(field.help) if field and field.help else "",
        value=value,
        recipe_value=recipe_value,
        differs=value != recipe_value,
        by_person=name in run.overrides,
    )
