"""Several runs beside each other: their final figures, and what differs in their configs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from llmhub.accounts.models import Project, User
from llmhub.recipes import fields, specs
from llmhub.runs.models import Run

MOST_RUNS = 20
MOST_CANDIDATES = 100
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

    @property
    def cells(self) -> list[tuple[Any, bool]]:
        """Each value, and whether it is another one than the first run's."""
        return [(value, value != self.values[0]) for value in self.values]


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


def differences(runs: list[Run]) -> list[Difference]:
    """What is not the same in all runs, in the order of the form."""
    configs = [specs.flatten(run.config) for run in runs]
    rows = [*origins(runs), *config_rows(configs)]
    return [row for row in rows if any(value != row.values[0] for value in row.values)]


def origins(runs: list[Run]) -> list[Difference]:
    return [
        Difference(_("Recipe"), "recipe", "", [str(run.recipe_version or "–") for run in runs]),
        Difference(_("Scale"), "scale", "", [run.get_scale_display() or "–" for run in runs]),
        Difference(_("Dataset"), "dataset", "", [str(run.data or "–") for run in runs]),
    ]


def config_rows(configs: list[dict[str, Any]]) -> list[Difference]:
    known: dict[str, fields.Field] = {}
    for config in configs:
        known |= fields.describe_values(config)
    others = sorted({name for config in configs for name in config} - known.keys())
    return [
        config_row(name, known.get(name), [config.get(name) for config in configs])
        for name in [*known, *others]
    ]


def config_row(name: str, field: fields.Field | None, values: list[Any]) -> Difference:
    if field is None:
        return Difference(name, name, "", values)
    return Difference(_(field.title), name, _(field.unit) if field.unit else "", values)


def candidates(project: Project | None, chosen: Chosen) -> list[Run]:
    """The project's newest runs that could be added."""
    if project is None:
        return []
    others = Run.objects.filter(project=project).exclude(pk__in=[run.pk for run in chosen.runs])
    return list(others[:MOST_CANDIDATES])
