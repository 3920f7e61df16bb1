"""Several runs beside each other: which ones, what differs in their configs, what is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from llmhub.accounts.models import Project, Role, User
from llmhub.accounts.requests import HubRequest
from llmhub.lib import metric_names
from llmhub.lib.json_floats import word
from llmhub.metrics.models import Series
from llmhub.recipes import fields, specs
from llmhub.recipes.forms import GROUPS
from llmhub.runs.models import Run

MOST_RUNS = 100
MOST_CANDIDATES = 100
# A page with more charts serves nobody; a filter finds the others.
MOST_NAMES = 2_000
# A run's id is a bigint in the database.
MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class Chosen:
    """The runs of an address, in its order, and how many of its ids led to none."""

    runs: list[Run]
    missing: int
    too_many: bool

    @property
    def ids(self) -> str:
        return ",".join(str(run.pk) for run in self.runs)


@dataclass(frozen=True)
class Difference:
    title: str
    name: str
    unit: str
    # One per run.
    values: list[Any]
    # What the recipes of the runs say; several where they differ in it.
    presets: list[Any] = field(default_factory=list)

    @property
    def cells(self) -> list[tuple[Any, bool]]:
        """Each value, and whether it is another one than the first run's."""
        return [(value, value != self.values[0]) for value in self.values]

    @property
    def depth(self) -> int:
        return self.name.count(".")


@dataclass(frozen=True)
class Branch:
    """What the differences below it have in common: the part of the config that they are in."""

    title: str
    name: str

    @property
    def depth(self) -> int:
        return self.name.count(".")


def read_ids(texts: list[str]) -> list[int]:
    """`?runs=1,2` and `?runs=1&runs=2`, each id once; what is no id is dropped."""
    words = [word.strip() for text in texts for word in text.split(",")]
    ids = [int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 20]
    return list(dict.fromkeys(number for number in ids if number <= MAX_ID))


def choose(user: User, ids: list[int]) -> Chosen:
    """What the person may not see looks like what does not exist."""
    wanted = ids[:MOST_RUNS]
    visible = Run.objects.visible_to(user).with_names().select_related("project")
    found = visible.in_bulk(wanted)
    runs = [found[number] for number in wanted if number in found]
    return Chosen(runs, missing=len(wanted) - len(runs), too_many=len(ids) > MOST_RUNS)


def metric_names_of(runs: list[Run]) -> list[str]:
    """What the runs have logged, for the charts of a page."""
    names = Series.objects.filter(run__in=runs).values_list("name", flat=True)
    return list(names.order_by("name").distinct()[:MOST_NAMES])


def figure_name(names: list[str]) -> str:
    """The metric that a team asks for first, of those that there are."""
    wanted = [metric.name for metric in (metric_names.VAL_LOSS, metric_names.TRAIN_LOSS)]
    return next((name for name in wanted if name in names), names[0] if names else "")


def differences(runs: list[Run]) -> list[Difference]:
    """What is not the same in all runs, in the order of the form."""
    configs = [specs.flatten(run.config) for run in runs]
    rows = [*origins(runs), *config_rows(configs, presets(runs))]
    return [row for row in rows if any(value != row.values[0] for value in row.values)]


def tree(rows: list[Difference]) -> Iterator[Branch | Difference]:
    """The rows, each part of the config with a row of its own above what is in it."""
    above: list[str] = []
    for row in rows:
        parts = row.name.split(".")[:-1]
        for depth, part in enumerate(parts):
            if above[: depth + 1] != parts[: depth + 1]:
                name = ".".join(parts[: depth + 1])
                yield Branch(str(GROUPS.get(name, part)), name)
        above = parts
        yield row


def presets(runs: list[Run]) -> list[dict[str, Any]]:
    """The specs of the recipes that the runs were made from, each once."""
    versions = {run.recipe_version.pk: run.recipe_version for run in runs if run.recipe_version}
    return [specs.flatten(version.spec) for version in versions.values()]


def origins(runs: list[Run]) -> list[Difference]:
    return [
        Difference(_("Recipe"), "recipe", "", [str(run.recipe_version or "–") for run in runs]),
        Difference(_("Scale"), "scale", "", [run.get_scale_display() or "–" for run in runs]),
        Difference(_("Dataset"), "dataset", "", [str(run.data or "–") for run in runs]),
    ]


def config_rows(
    configs: list[dict[str, Any]], presets: list[dict[str, Any]] | None = None
) -> list[Difference]:
    known: dict[str, fields.Field] = {}
    for config in configs:
        known |= fields.describe_values(config)
    others = sorted({name for config in configs for name in config} - known.keys())
    return [
        config_row(
            name,
            known.get(name),
            [config.get(name) for config in configs],
            distinct(preset.get(name) for preset in presets or []),
        )
        for name in [*known, *others]
    ]


def distinct(values: Iterator[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def config_row(
    name: str, described: fields.Field | None, values: list[Any], presets: list[Any]
) -> Difference:
    if described is None:
        # What is around it stands in the rows above.
        return Difference(name.rpartition(".")[2] or name, name, "", values, presets)
    unit = _(described.unit) if described.unit else ""
    return Difference(_(described.title), name, unit, values, presets)


def run_fields(runs: list[Run], rows: list[Difference]) -> dict[int, dict[str, Any]]:
    """What the browser groups by and sets against figures: only what is not the same in all."""
    return {
        run.pk: {
            "config": {row.name: row.values[place] for row in rows},
            "tags": run.tags,
        }
        for place, run in enumerate(runs)
    }


def groupings(runs: list[Run], rows: list[Difference]) -> list[tuple[str, str]]:
    """(name, title) of what runs can be grouped by."""
    tags = sorted({tag for run in runs for tag in run.tags})
    whole = [("tags", _("Tags"))] if tags else []
    each = [(f"tags.{tag}", _("Tag %(tag)s") % {"tag": tag}) for tag in tags]
    return [(row.name, row.title) for row in rows] + whole + each


def candidates(project: Project | None, chosen: Chosen) -> list[Run]:
    """The project's newest runs that could be added."""
    if project is None:
        return []
    others = Run.objects.filter(project=project).listed()
    return list(others.exclude(pk__in=[run.pk for run in chosen.runs])[:MOST_CANDIDATES])


def writable(request: HubRequest, runs: list[Run]) -> list[int]:
    """The runs that the person may pin notes to."""
    mine = {place.project_id for place in request.memberships if place.may(Role.MEMBER)}
    return [run.pk for run in runs if run.project_id in mine]


def figures_of(runs: list[Run], name: str) -> list[dict[str, Any]]:
    """The last, lowest and highest value of a metric, for the runs that logged it."""
    if not metric_names.is_valid(name):
        return []
    found = Series.objects.filter(run__in=runs, name=name)
    shown = ("run", "last", "last_step", "min", "min_step", "max", "max_step")
    return [dict(row) for row in found.values(*shown)]


def as_words(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """JSON has no word for NaN and the infinities."""
    return [
        {name: word(value) if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]
