"""The runs table: which rows, in which order, and the figures beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import F, FloatField, OrderBy, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from llmhub.accounts.models import Project, User
from llmhub.lib import metric_names
from llmhub.metrics.models import Series
from llmhub.recipes.models import Recipe
from llmhub.runs.models import Run
from llmhub.runs.states import ACTIVE, State

PER_PAGE = 50
UNDER_WAY = "under_way"
STATES = [("", _("Any state")), (UNDER_WAY, _("Under way")), *State.choices]

TRAIN_LOSS = metric_names.TRAIN_LOSS.name
VAL_LOSS = metric_names.VAL_LOSS.name
VAL_PERPLEXITY = metric_names.VAL_PERPLEXITY.name
SHOWN = (TRAIN_LOSS, VAL_LOSS, VAL_PERPLEXITY)


def figure(name: str, field: str) -> Subquery:
    series = Series.objects.filter(run=OuterRef("pk"), name=name)
    return Subquery(series.values(field)[:1], output_field=FloatField())


# What a person may sort by; the expression is only computed for the one chosen.
SORTS: dict[str, Any] = {
    "name": F("name"),
    "state": F("state"),
    "created": F("created_at"),
    "duration": Coalesce(F("ended_at"), Now()) - F("started_at"),
    "train_loss": figure(TRAIN_LOSS, "last"),
    "val_loss": figure(VAL_LOSS, "last"),
    "best_val": figure(VAL_LOSS, "min"),
    "perplexity": figure(VAL_PERPLEXITY, "last"),
}
NEWEST_FIRST = "-created"


class FilterForm(forms.Form):
    """What the address says; nonsense in it counts as not said."""

    q = forms.CharField(label=_("Search"), required=False, max_length=120)
    state = forms.ChoiceField(label=_("State"), required=False, choices=STATES)
    recipe = forms.ModelChoiceField(
        Recipe.objects.none(),
        label=_("Recipe"),
        required=False,
        to_field_name="slug",
        empty_label=_("Any recipe"),
    )
    person = forms.ModelChoiceField(
        User.objects.none(), label=_("Person"), required=False, empty_label=_("Anyone")
    )

    def __init__(self, data: Any, project: Project) -> None:
        super().__init__(data, auto_id="filter_%s")
        here = Run.objects.filter(project=project)
        recipes = here.values("recipe_version__recipe")
        self.choose("recipe", Recipe.objects.filter(pk__in=recipes))
        people = User.objects.filter(pk__in=here.values("created_by")).order_by("name", "email")
        self.choose("person", people)
        self.is_valid()

    def choose(self, name: str, rows: QuerySet[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows

    @property
    def chosen(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if value}


@dataclass(frozen=True)
class Sort:
    name: str
    descending: bool

    @classmethod
    def read(cls, text: str) -> Sort:
        name = text.removeprefix("-")
        if name not in SORTS:
            return cls.read(NEWEST_FIRST)
        return cls(name, text.startswith("-"))

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.name}"

    def order(self) -> list[OrderBy]:
        by = OrderBy(SORTS[self.name], descending=self.descending, nulls_last=True)
        return [by, OrderBy(F("pk"), descending=True)]


def rows(project: Project, chosen: dict[str, Any], sort: Sort) -> QuerySet[Run]:
    conditions = [condition(name, value) for name, value in chosen.items()]
    found = Run.objects.filter(*conditions, project=project).order_by(*sort.order())
    return found.with_names()


def condition(name: str, value: Any) -> Q:
    if name == "q":
        return (
            Q(name__icontains=value)
            | Q(dataset_version__dataset__name__icontains=value)
            | Q(mix_version__mix__name__icontains=value)
        )
    if name == "state":
        return Q(state__in=[*ACTIVE, State.QUEUED] if value == UNDER_WAY else [value])
    return Q(recipe_version__recipe=value) if name == "recipe" else Q(created_by=value)


@dataclass(frozen=True)
class Row:
    run: Run
    series: dict[str, Series]

    @property
    def train_loss(self) -> Series | None:
        return self.series.get(TRAIN_LOSS)

    @property
    def val_loss(self) -> Series | None:
        return self.series.get(VAL_LOSS)

    @property
    def perplexity(self) -> Series | None:
        return self.series.get(VAL_PERPLEXITY)


def page_of(found: QuerySet[Run], number: str | None) -> Page[Run]:
    return Paginator(found, PER_PAGE).get_page(number)


def with_figures(runs: list[Run]) -> list[Row]:
    """The runs with their summaries, in one query."""
    by_run: dict[int, dict[str, Series]] = {run.pk: {} for run in runs}
    for series in Series.objects.filter(run__in=by_run, name__in=SHOWN):
        by_run[series.run_id][series.name] = series
    return [Row(run, by_run[run.pk]) for run in runs]
