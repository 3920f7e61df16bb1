"""What the pages of the mixes show, worked out before the template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from django.db.models import Prefetch, QuerySet

from llmhub.datasets.mixes import PartChange, Plan, Source, difference
from llmhub.datasets.models import Mix, MixPart, MixVersion
from llmhub.recipes import scales, specs
from llmhub.recipes.models import Recipe
from llmhub.recipes.templatetags.recipes import largest_first

if TYPE_CHECKING:
    from llmhub.accounts.models import Project


@dataclass(frozen=True)
class Row:
    """A mix in the list, as its newest version has it."""

    mix: Mix
    version: MixVersion
    parts: Sequence[MixPart]

    @classmethod
    def of(cls, mix: Mix) -> Row:
        """From a row of `overview`, which loads the newest version."""
        version: MixVersion = mix.newest[0]  # type: ignore[attr-defined]
        return cls(mix, version, list(version.parts.all()))

    @property
    def filled(self) -> int:
        return count_filled(self.parts)

    @property
    def licences(self) -> list[str]:
        """Each once; "" for data whose licence nobody has named."""
        filled = [part.dataset_version for part in self.parts if part.dataset_version]
        return sorted({version.dataset.licence for version in filled})


@dataclass(frozen=True)
class HistoryEntry:
    version: MixVersion
    # Against the version before; the first has none.
    changes: list[PartChange]


@dataclass(frozen=True)
class Totals:
    # None while every slot is open.
    available: float | None
    is_estimate: bool
    planned: float | None
    filled: int
    # How many sources repeat more often than they should.
    repeating: int

    @classmethod
    def of(cls, found: Sequence[Source]) -> Totals:
        available = [source.available for source in found if source.available is not None]
        planned = [source.planned for source in found if source.planned is not None]
        return cls(
            available=sum(available) if available else None,
            is_estimate=any(source.is_estimate for source in found),
            planned=sum(planned) if planned else None,
            filled=count_filled(source.part for source in found),
            repeating=sum(source.repeats_too_often for source in found),
        )


@dataclass(frozen=True)
class Plannable:
    """A recipe that says how much data its run reads."""

    recipe: Recipe
    spec: specs.Spec

    def plan(self, scale: str) -> Plan | None:
        return Plan.of(scales.apply(self.spec, scale, None))


def overview(project: Project) -> list[Row]:
    newest = versions_with_parts().order_by("mix_id", "-number").distinct("mix_id")
    prefetch = Prefetch("versions", queryset=newest, to_attr="newest")
    mixes = Mix.objects.filter(project=project).prefetch_related(prefetch)
    # A mix is created with its first version.
    return [Row.of(mix) for mix in mixes]


def history(mix: Mix) -> list[HistoryEntry]:
    """Newest first."""
    versions = list(versions_with_parts().filter(mix=mix).select_related("created_by"))
    entries = [
        HistoryEntry(newer, difference(older.parts.all(), newer.parts.all()))
        for newer, older in pairwise(versions)
    ]
    return [*entries, HistoryEntry(versions[-1], [])]


def versions_with_parts() -> QuerySet[MixVersion]:
    # Only the pages of the datasets show the sample, which may be long.
    parts = MixPart.objects.select_related("dataset_version__dataset")
    loaded = parts.defer("dataset_version__sample", "dataset_version__dataset__description")
    return MixVersion.objects.prefetch_related(Prefetch("parts", queryset=loaded))


def count_filled(parts: Iterable[MixPart]) -> int:
    return sum(part.dataset_version_id is not None for part in parts)


def plannable(project: Project) -> list[Plannable]:
    recipes = Recipe.objects.visible_in(project).with_latest()
    found = [Plannable(recipe, latest_spec(recipe)) for recipe in recipes]
    return [one for one in found if Plan.of(one.spec)]


def suiting(known: Iterable[Plannable], parts: Iterable[MixPart]) -> Plannable | None:
    """The recipe whose own mix has these slots: most likely the mix is made for it."""
    slots = {part.slot for part in parts}
    return next((one for one in known if set(one.spec.data.mix or ()) == slots), None)


def templates(project: Project) -> list[Recipe]:
    """The recipes that say what their data should be made of."""
    recipes = Recipe.objects.visible_in(project).with_latest()
    return [recipe for recipe in recipes if template_parts(recipe)]


def template_parts(recipe: Recipe) -> list[MixPart]:
    """The slots that a team fills; the database does not keep their order."""
    mix = latest_spec(recipe).data.mix or {}
    return [MixPart(slot=slot, weight=weight) for slot, weight in largest_first(mix)]


def latest_spec(recipe: Recipe) -> specs.Spec:
    """From a row of `with_latest()`."""
    return specs.stored(recipe.latest_spec)  # type: ignore[attr-defined]
