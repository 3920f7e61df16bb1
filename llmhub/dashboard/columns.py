"""The columns of the runs table: which there are, how they sort, and what stands in their cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import F, JSONField, Value
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.dashboard import numbers
from llmhub.dashboard.templatetags.hub import ago, comma, config_value, plain, run_duration
from llmhub.lib import metric_names
from llmhub.metrics.filters.errors import FilterError
from llmhub.metrics.filters.fields import TOOK
from llmhub.metrics.filters.names import Names, Path, is_value
from llmhub.metrics.filters.parser import parse_operands
from llmhub.metrics.filters.tree import Figure, Name, Operand
from llmhub.metrics.models import Series
from llmhub.runs.models import Run
from llmhub.runs.states import State

MOST = 40
TRAIN_LOSS = metric_names.TRAIN_LOSS.name
DEFAULT = (
    "state,curve,last(train/loss),last(val/loss),min(val/loss),last(val/perplexity),"
    "person,created,duration"
)
NONE = "–"
PLAIN = SafeString("")

# Fields that are a column, and the one by which the table is sorted.
BUILT_IN: dict[str, tuple[Any, Any]] = {
    "name": (gettext_lazy("Run"), F("name")),
    "state": (gettext_lazy("State"), F("state")),
    "curve": (gettext_lazy("Training loss"), None),
    "tags": (gettext_lazy("Tags"), F("tags")),
    "notes": (gettext_lazy("Notes"), NullIf(F("notes"), Value(""))),
    "recipe": (gettext_lazy("Recipe"), F("recipe_version__recipe__slug")),
    "objective": (gettext_lazy("Objective"), F("objective")),
    "scale": (gettext_lazy("Scale"), F("scale")),
    "dataset": (
        gettext_lazy("Data"),
        Coalesce("dataset_version__dataset__name", "mix_version__mix__name"),
    ),
    "person": (gettext_lazy("Who"), F("created_by__name")),
    "pipeline": (gettext_lazy("Pipeline"), F("pipeline__name")),
    "created": (gettext_lazy("When"), F("created_at")),
    "started": (gettext_lazy("Started"), F("started_at")),
    "ended": (gettext_lazy("Ended"), F("ended_at")),
    "duration": (gettext_lazy("Duration"), TOOK),
    "step": (gettext_lazy("Step"), F("step")),
    "steps": (gettext_lazy("Steps in all"), F("total_steps")),
    "id": (gettext_lazy("Number"), F("pk")),
}
# What is best when it is large, or new, or long: so it is sorted first.
DOWN_FIRST = frozenset({"created", "started", "ended", "duration", "step", "steps", "id"})
SHORT = {
    "last(train/loss)": gettext_lazy("Train"),
    "last(val/loss)": gettext_lazy("Validation"),
    "min(val/loss)": gettext_lazy("Best"),
    "last(val/perplexity)": gettext_lazy("Perplexity"),
}
FUNCTIONS = {
    "last": "{}",
    "min": gettext_lazy("min {}"),
    "max": gettext_lazy("max {}"),
    "count": gettext_lazy("points of {}"),
}


@dataclass(frozen=True)
class Column:
    # As it stands in the address.
    key: str
    operand: Operand
    # Of a value of the config or the summary: where it stands.
    path: Path = ()

    @cached_property
    def title(self) -> str:
        if isinstance(self.operand, Figure):
            short = SHORT.get(self.key)
            return str(short or str(FUNCTIONS[self.operand.function]).format(self.operand.metric))
        if self.path:
            return self.path[-1]
        return str(BUILT_IN[self.key][0])

    @cached_property
    def label(self) -> SafeString:
        return escape(self.title)

    @property
    def help(self) -> str:
        """The whole name, where the title is a short one."""
        return self.key if self.path or isinstance(self.operand, Figure) else ""

    @property
    def is_number(self) -> bool:
        return isinstance(self.operand, Figure) or self.key in {"duration", "step", "steps", "id"}

    @property
    def sorts(self) -> bool:
        return self.key != "curve"

    @property
    def first(self) -> str:
        """The order in which it is sorted when it was not before."""
        return f"-{self.key}" if self.key in DOWN_FIRST else self.key

    @property
    def order(self) -> Any:
        """What to sort by, but for a metric."""
        if not self.path:
            return BUILT_IN[self.key][1]
        found: Any = F(self.path[0])
        for name in self.path[1:]:
            found = KeyTransform(name, found)
        # In JSON there is a value that says that there is none.
        return NullIf(found, Value(None, output_field=JSONField()))


def read(text: str, names: Names, fallback: str = "") -> list[Column]:
    """The columns that an address asks for, each once; what is not known is left out."""
    try:
        operands = parse_operands(text)[:MOST]
    except FilterError:
        return read(fallback, names) if fallback else []
    found = [column for operand in operands if (column := of(operand, names))]
    return list({column.key: column for column in found}.values())


def of(operand: Operand, names: Names) -> Column | None:
    if isinstance(operand, Figure):
        return Column(str(operand), operand)
    if not is_value(operand):
        return Column(operand.key, operand) if operand.key in BUILT_IN else None
    try:
        return Column(str(operand), operand, names.value(operand))
    except FilterError:
        return None


def metrics(columns: Iterable[Column]) -> set[str]:
    """The metrics whose figures the cells show."""
    return {column.operand.metric for column in columns if isinstance(column.operand, Figure)}


@dataclass(frozen=True, slots=True)
class Figures:
    """What the table shows of one metric of one run."""

    last: float | None
    min: float | None
    max: float | None
    count: int


@dataclass(frozen=True)
class Measured:
    """What the cells of one run need besides its row."""

    figures: dict[str, Figures] = field(default_factory=dict)
    curve: Series | None = None


class Cell(NamedTuple):
    css: str
    title: SafeString
    # What the page needs to keep a figure up to date: escaped too.
    attributes: SafeString
    html: SafeString | str


def name_column() -> Column:
    return Column("name", Name(text="name"))


def cells(shown: list[Column], run: Run, measured: Measured) -> SafeString:
    """The cells of a row as one piece: a template that makes each takes ten times as long."""
    made = (cell(column, run, measured) for column in shown)
    # Classes and attributes are ours, titles are escaped once: only what is shown may be anything.
    return SafeString(
        "\n".join(
            f'<td class="{one.css}" data-label="{one.title}"{one.attributes}>'
            f"{conditional_escape(one.html)}</td>"
            for one in made
        )
    )


def cell(column: Column, run: Run, measured: Measured) -> Cell:
    if isinstance(column.operand, Figure):
        return figure_cell(column, column.operand, measured.figures.get(column.operand.metric))
    if column.path:
        value = at(run, column.path)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return Cell("num" if is_number else "run-value", column.label, PLAIN, config_value(value))
    draw, css = DRAWN[column.key]
    return Cell(css, column.label, PLAIN, draw(run, measured) or NONE)


def figure_cell(column: Column, figure: Figure, found: Figures | None) -> Cell:
    value = getattr(found, figure.function) if found else None
    live = format_html(
        ' data-figure="{}" data-of="{}" data-value="{}"',
        figure.metric,
        figure.function,
        plain(value),
    )
    text = numbers.compact(value) if figure.function == "count" else numbers.figure(value)
    return Cell("num", column.label, live, text or NONE)


def at(run: Run, path: Path) -> Any:
    values: Any = getattr(run, path[0])
    for name in path[1:]:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def state(run: Run, measured: Measured) -> SafeString:
    badge = format_html('<span class="state state-{}">{}</span>', run.state, State(run.state).label)
    if run.is_over() or not run.total_steps:
        return badge
    return format_html(
        '{}<progress max="{}" value="{}" aria-label="{}"></progress>',
        badge,
        run.total_steps,
        run.step,
        _("Progress"),
    )


def curve(run: Run, measured: Measured) -> SafeString:
    row = measured.curve
    return format_html(
        '<run-sparkline class="state-{}" data-values="{}" data-stride="{}" data-count="{}"'
        ' data-last-step="{}" data-total-steps="{}"></run-sparkline>',
        run.state,
        comma(row.spark if row else None),
        row.spark_stride if row else 1,
        row.count if row else 0,
        (row.last_step if row else None) or 0,
        run.total_steps or 0,
    )


def tags(run: Run, measured: Measured) -> SafeString:
    return format_html_join(" ", '<span class="badge">{}</span>', ((tag,) for tag in run.tags))


def moment(time: datetime | None) -> SafeString | str:
    if time is None:
        return ""
    local = timezone.localtime(time)
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        local.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        ago(time),
    )


DRAWN: dict[str, tuple[Any, str]] = {
    "state": (state, "run-state"),
    "curve": (curve, "run-curve"),
    "tags": (tags, "run-tags"),
    "notes": (lambda run, measured: run.notes, "run-notes"),
    "recipe": (lambda run, measured: str(run.recipe_version or ""), "run-value"),
    "objective": (lambda run, measured: run.objective, "run-value"),
    "scale": (lambda run, measured: run.get_scale_display(), "run-value"),
    "dataset": (lambda run, measured: run.data_name, "run-value"),
    "person": (lambda run, measured: str(run.created_by or ""), "run-value"),
    "pipeline": (lambda run, measured: str(run.pipeline or ""), "run-value"),
    "created": (lambda run, measured: moment(run.created_at), "nowrap"),
    "started": (lambda run, measured: moment(run.started_at), "nowrap"),
    "ended": (lambda run, measured: moment(run.ended_at), "nowrap"),
    "duration": (lambda run, measured: numbers.duration(run_duration(run)), "num"),
    "step": (lambda run, measured: numbers.compact(run.step), "num"),
    "steps": (lambda run, measured: numbers.compact(run.total_steps), "num"),
    "id": (lambda run, measured: f"#{run.pk}", "num"),
}
