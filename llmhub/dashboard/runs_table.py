"""The runs table: which rows, in which order, and the figures beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, F, FilteredRelation, FloatField, OrderBy, OuterRef, Q, QuerySet
from django.db.models import Value as Constant
from django.db.models.functions import NullIf
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from llmhub.dashboard import columns
from llmhub.dashboard.columns import Column, Figures, Measured
from llmhub.lib import metric_names
from llmhub.lib.texts import whole
from llmhub.metrics.filters.names import TREES, Names
from llmhub.metrics.filters.tree import Figure
from llmhub.metrics.models import Series
from llmhub.runs.models import Run

PER_PAGE = 50
# So many matches are counted; where there are more, the page says so. Without a filter counting
# costs less.
COUNTED = 1_000
COUNTED_PLAIN = 10_000
# Whoever wants to see what comes after these pages is better off with a filter.
MOST_PAGES = 200

TRAIN_LOSS = metric_names.TRAIN_LOSS.name
VAL_LOSS = metric_names.VAL_LOSS.name
VAL_PERPLEXITY = metric_names.VAL_PERPLEXITY.name
SHOWN = (TRAIN_LOSS, VAL_LOSS, VAL_PERPLEXITY)

NEWEST_FIRST = "-created"
# Large columns that no list shows.
UNSEEN = ("overrides", "message")
# Few of them are different within a page: fetched once each, and not joined to every row.
NAMED = (
    "created_by",
    "recipe_version__recipe",
    "dataset_version__dataset",
    "mix_version__mix",
    "pipeline",
)


@dataclass(frozen=True)
class Sort:
    column: Column
    descending: bool

    @classmethod
    def read(cls, text: str, names: Names) -> Sort:
        """What cannot be sorted by counts as not said."""
        found = columns.read(text.removeprefix("-"), names)
        if len(found) != 1 or not found[0].sorts:
            return cls.read(NEWEST_FIRST, names)
        return cls(found[0], text.startswith("-"))

    def __str__(self) -> str:
        return f"{'-' if self.descending else ''}{self.column.key}"

    def order(self, by: Any) -> list[OrderBy]:
        first = OrderBy(by, descending=self.descending, nulls_last=True)
        return [first, OrderBy(F("pk"), descending=True)]


@dataclass(frozen=True)
class Page:
    ids: list[int]
    number: int
    # How many match; fewer than do where `is_whole` is not said.
    count: int
    is_whole: bool
    has_next: bool

    @property
    def first(self) -> int:
        return (self.number - 1) * PER_PAGE + 1

    @property
    def last(self) -> int:
        return self.first + len(self.ids) - 1

    @property
    def counted(self) -> int:
        """Of more matches than were counted, how many were."""
        return self.count - 1

    @property
    def has_previous(self) -> bool:
        return self.number > 1


def page_of(
    found: QuerySet[Run], sort: Sort, number: str = "", *, all_of_them: bool = False
) -> Page:
    """One page of what was found. `all_of_them`: nothing was asked for, so counting is cheap.

    The matches are gone through once: their ids are read up to a bound. Where that is all of
    them, the page is chosen among these; where there are more, they are so many that a walk in
    the order of an index soon meets a page of them.
    """
    if all_of_them:
        count = found.order_by()[: COUNTED_PLAIN + 1].count()
        is_whole = count <= COUNTED_PLAIN
    else:
        ids = list(found.order_by().values_list("pk", flat=True)[: COUNTED + 1])
        count, is_whole = len(ids), len(ids) <= COUNTED
        found = Run.objects.filter(pk__in=ids) if is_whole else found
    wanted = min(max(whole(number) or 1, 1), MOST_PAGES)
    if is_whole:
        wanted = min(wanted, max(1, math.ceil(count / PER_PAGE)))
    ids = ordered(found, sort, (wanted - 1) * PER_PAGE, PER_PAGE + 1) if count else []
    if not ids and wanted > 1:
        return page_of(found, sort, "1", all_of_them=all_of_them)
    has_next = len(ids) > PER_PAGE and wanted < MOST_PAGES
    return Page(ids[:PER_PAGE], wanted, count, is_whole, has_next)


def ordered(found: QuerySet[Run], sort: Sort, offset: int, most: int) -> list[int]:
    """A slice of the runs by their order, as ids: narrow rows are sorted fast."""
    operand = sort.column.operand
    if not isinstance(operand, Figure):
        rows = found.order_by(*sort.order(sort.column.order))
        return list(rows.values_list("pk", flat=True)[offset : offset + most])
    own = FilteredRelation("series", condition=Q(series__name=operand.metric))
    joined = found.alias(figure=own)
    if operand.function != "last":
        number = NullIf(f"figure__{operand.function}", not_a_number(operand))
        rows = joined.order_by(*sort.order(number))
        return list(rows.values_list("pk", flat=True)[offset : offset + most])
    return walked(found, joined, sort, operand.metric, offset, most)


def not_a_number(figure: Figure) -> Constant:
    """What a sort takes for absent. A count is always a number."""
    if figure.function == "count":
        return Constant(-1)
    return Constant(math.nan, output_field=FloatField())


def walked(
    found: QuerySet[Run], joined: QuerySet[Run], sort: Sort, metric: str, offset: int, most: int
) -> list[int]:
    """By the last value of a metric: first the runs that have one, along the index of `Series`,
    then the others."""
    having = joined.filter(Q(figure__last__lt=math.nan))
    by = OrderBy(F("figure__last"), descending=sort.descending)
    rows = having.order_by(by, "-pk").values_list("pk", flat=True)
    ids = list(rows[offset : offset + most])
    if len(ids) == most:
        return ids
    before = offset + len(ids) if ids or not offset else having.count()
    own = Series.objects.filter(run=OuterRef("pk"), name=metric, last__lt=math.nan)
    others = found.filter(~Exists(own)).order_by("-pk").values_list("pk", flat=True)
    start = max(0, offset - before)
    return [*ids, *others[start : start + most - len(ids)]]


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


def with_figures(runs: list[Run]) -> list[Row]:
    """The runs with their summaries, in one query."""
    by_run: dict[int, dict[str, Series]] = {run.pk: {} for run in runs}
    for series in Series.objects.filter(run__in=by_run, name__in=SHOWN):
        by_run[series.run_id][series.name] = series
    return [Row(run, by_run[run.pk]) for run in runs]


@dataclass(frozen=True)
class TableRow:
    run: Run
    url: str
    # What the box of the row is called.
    choose: str
    about: str
    cells: SafeString


def rows(ids: list[int], shown: list[Column]) -> list[TableRow]:
    """What the page shows of its runs, in three queries and one for each kind of name."""
    trees = {column.path[0] for column in shown if column.path}
    unseen = {*UNSEEN, *TREES} - trees
    found = Run.objects.prefetch_related(*NAMED).defer(*unseen).in_bulk(ids)
    # One may have been deleted since its id was read.
    runs = [found[number] for number in ids if number in found]
    measured = measure(ids, shown)
    choose = _("Choose %(name)s")
    return [
        TableRow(
            run,
            reverse("run", args=[run.pk]),
            choose % {"name": run.name},
            run.origin,
            columns.cells(shown, run, measured[run.pk]),
        )
        for run in runs
    ]


def measure(ids: list[int], shown: list[Column]) -> dict[int, Measured]:
    """Figures as plain numbers, and the long curves only where they are drawn."""
    figures: dict[int, dict[str, Figures]] = {number: {} for number in ids}
    summaries = Series.objects.filter(run__in=ids, name__in=columns.metrics(shown))
    for row in summaries.values_list("run", "name", "last", "min", "max", "count"):
        figures[row[0]][row[1]] = Figures(*row[2:])
    drawn = any(column.key == "curve" for column in shown)
    curves = Series.objects.filter(run__in=ids if drawn else [], name=TRAIN_LOSS)
    by_run = {series.run_id: series for series in curves}
    return {number: Measured(figures[number], by_run.get(number)) for number in ids}
