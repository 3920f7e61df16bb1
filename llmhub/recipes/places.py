"""Where concepts and terms live in recipes: see llmhub.reference.places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from llmhub.recipes import fields, specs
from llmhub.recipes.forms import GROUPS, field_id
from llmhub.recipes.models import Recipe
from llmhub.reference.places import Asked, Found, Place, Places, Subject

# By the slug of the recipe, its values by dotted name.
Values = Mapping[str, Mapping[str, Any]]


def settings(subjects: Sequence[Subject], asked: Asked) -> Places:
    """The fields of specs that it is about, each where a recipe sets it."""
    visible = Recipe.objects.visible_in(asked.project).with_latest()
    values = {recipe.slug: values_of(recipe) for recipe in visible}
    found = {
        subject.slug: Found([setting(name, values) for name in subject.fields])
        for subject in subjects
        if subject.fields
    }
    return Places("settings", _("Settings of recipes"), found, is_column=False)


def values_of(recipe: Recipe) -> Mapping[str, Any]:
    """Of a row of `with_latest()`; nothing where it has no version yet."""
    return specs.flatten(recipe.latest_spec or {})  # type: ignore[attr-defined]


def setting(name: str, values: Values) -> Place:
    field = fields.known().get(name)
    if field is None:
        return Place(name)
    group = GROUPS.get(field.group)
    return Place(_(field.title), page_of(name, values), str(group or ""))


def page_of(name: str, values: Values) -> str:
    """Of the first recipe that says something there; a recipe shows what is set. What kind of
    spec it is stands at its head, and not among its fields."""
    for slug, flat in values.items():
        if flat.get(name) is not None:
            anchor = "" if name in fields.KIND else f"#{field_id(name)}"
            return reverse("recipe", args=[slug]) + anchor
    return ""
