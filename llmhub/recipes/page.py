"""What the pages of the recipes show, worked out before the template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from llmhub.recipes import specs
from llmhub.recipes.changes import Change, difference
from llmhub.recipes.estimate import Estimate, estimate
from llmhub.recipes.fields import KIND, Field, describe_values
from llmhub.recipes.figures import figures
from llmhub.recipes.forms import GROUPS, field_id
from llmhub.recipes.models import Recipe, RecipeVersion


@dataclass(frozen=True)
class Card:
    recipe: Recipe
    estimate: Estimate | None
    # What a fine-tuning starts from.
    base_model: str

    @classmethod
    def of(cls, recipe: Recipe) -> Card:
        """From a row of `with_latest()`: no query of its own."""
        spec = specs.stored(recipe.latest_spec)  # type: ignore[attr-defined]
        if isinstance(spec, specs.PretrainSpec):
            return cls(recipe, estimate(spec), "")
        return cls(recipe, None, spec.model.base_model)


@dataclass(frozen=True)
class Value:
    field: Field
    value: Any
    # "book", "ours", "team" or "".
    source: str
    # By language.
    note: dict[str, str]

    @property
    def field_id(self) -> str:
        return field_id(self.field.name)


@dataclass(frozen=True)
class HistoryEntry:
    version: RecipeVersion
    # Against the version before; the first has none.
    changes: list[Change]


def recipe_page(version: RecipeVersion) -> dict[str, Any]:
    versions = list(version.recipe.versions.select_related("created_by"))
    return {
        "recipe": version.recipe,
        "version": version,
        "latest": versions[0],
        "architecture": version.spec["model"].get("architecture", ""),
        "groups": value_groups(version),
        "figures": figures(version.typed()),
        "history": history(versions),
        "has_book_values": any(o.get("source") == "book" for o in version.origins.values()),
    }


def value_groups(version: RecipeVersion) -> list[tuple[str, list[Value]]]:
    return values_by_group(version.spec, GROUPS, version.origins)


def values_by_group(
    spec: dict[str, Any], wanted: Iterable[str], origins: Mapping[str, dict[str, Any]] | None = None
) -> list[tuple[str, list[Value]]]:
    """The values of some groups, each group with its title; without what is not set."""
    flat = specs.flatten(spec)
    values = [
        value_of(field, flat.get(name), (origins or {}).get(name, {}))
        for name, field in describe_values(flat).items()
        if name not in KIND and flat.get(name) is not None
    ]
    groups = [
        (str(title), [value for value in values if value.field.group == group])
        for group, title in GROUPS.items()
        if group in wanted
    ]
    return [(title, rows) for title, rows in groups if rows]


def value_of(field: Field, value: Any, origin: dict[str, Any]) -> Value:
    return Value(field, value, origin.get("source", ""), origin.get("note", {}))


def history(versions: Iterable[RecipeVersion]) -> list[HistoryEntry]:
    """Newest first, as the versions are."""
    ordered = list(versions)
    entries = [
        HistoryEntry(newer, difference(specs.flatten(older.spec), specs.flatten(newer.spec)))
        for newer, older in pairwise(ordered)
    ]
    return [*entries, HistoryEntry(ordered[-1], [])]
