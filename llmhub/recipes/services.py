"""Saving recipes: those that come with the hub, and those that people make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.utils.text import slugify
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from llmhub.recipes import specs
from llmhub.recipes.content import Content, load
from llmhub.recipes.models import Recipe, RecipeVersion

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

# Any number that no other lock of this database uses; two hubs that start at once take turns.
SYNC_LOCK = 0x6C6C6D01


class Unchanged(Exception):
    """A version that would be equal to the one before it."""


class Conflict(Exception):
    """Someone saved a version since the person opened the form."""

    def __init__(self, latest: RecipeVersion) -> None:
        super().__init__(latest)
        self.latest = latest


@transaction.atomic
def sync(contents: Iterable[Content] | None = None) -> int:
    """Brings the recipes that come with the hub up to this release; says how many versions are new.

    Nobody edits these recipes, so the newest version is compared with the file as it is.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SYNC_LOCK])
    builtin = Recipe.objects.filter(project=None).prefetch_related("versions")
    known = {recipe.slug: recipe for recipe in builtin}
    return sum(
        sync_one(content, known.get(content.slug))
        for content in (load() if contents is None else contents)
    )


def sync_one(content: Content, recipe: Recipe | None) -> bool:
    recipe = sync_card(content, recipe)
    latest = next(iter(recipe.versions.all()), None)
    spec = specs.dump(content.spec)
    if latest and latest.spec == spec and latest.origins == content.origins:
        return False
    RecipeVersion.objects.create(
        recipe=recipe,
        number=latest.number + 1 if latest else 1,
        spec=spec,
        origins=content.origins,
        note="Changed by a release" if latest else "",
    )
    return True


def sync_card(content: Content, recipe: Recipe | None) -> Recipe:
    recipe = recipe or Recipe(slug=content.slug)
    card = {name: getattr(content, name) for name in ("objective", "title", "summary", "position")}
    if recipe.pk is None or any(getattr(recipe, name) != card[name] for name in card):
        for name, value in card.items():
            setattr(recipe, name, value)
        recipe.save()
    return recipe


@transaction.atomic
def save_version(
    recipe: Recipe, spec: specs.Spec, note: str, user: User, *, base: int | None = None
) -> RecipeVersion:
    """The next version of a project's own recipe.

    `base` is the number the person started from: Conflict if it is no longer the newest.
    """
    # The lock lines up people who save at the same moment.
    recipe = Recipe.objects.select_for_update().get(pk=recipe.pk)
    latest = recipe.versions.first()
    assert latest is not None  # a recipe is created with its first version
    if base is not None and base != latest.number:
        raise Conflict(latest)
    values = specs.dump(spec)
    if values == latest.spec:
        raise Unchanged
    return RecipeVersion.objects.create(
        recipe=recipe,
        number=latest.number + 1,
        spec=values,
        origins=carried_origins(latest, values),
        note=note,
        created_by=user,
    )


def save_as_new(
    project: Project,
    user: User,
    title: str,
    spec: specs.Spec,
    note: str,
    *,
    source: RecipeVersion | None = None,
) -> Recipe:
    """A recipe of the project; `source` is the version it was made from."""
    language = get_language() or "en"
    with transaction.atomic():
        recipe = create_with_free_slug(
            project=project,
            objective=spec.objective,
            title={"en": title, language: title},
            created_by=user,
        )
        values = specs.dump(spec)
        RecipeVersion.objects.create(
            recipe=recipe,
            number=1,
            spec=values,
            origins=carried_origins(source, values) if source else {},
            note=note or (_("Made from %(source)s") % {"source": source} if source else "")[:200],
            created_by=user,
        )
    return recipe


def create_with_free_slug(**values: Any) -> Recipe:
    base = slugify(values["title"]["en"])[:70] or "recipe"
    slug, number = base, 1
    while True:
        try:
            with transaction.atomic():
                return Recipe.objects.create(slug=slug, **values)
        except IntegrityError:
            number += 1
            slug = f"{base}-{number}"


def carried_origins(source: RecipeVersion, values: Mapping[str, Any]) -> dict[str, Any]:
    """Where each value is from: as in the source, or from the person where they changed it."""
    before = specs.flatten(source.spec)
    return {
        name: source.origins.get(name, {})
        if value == before.get(name)
        else {"source": "team", "note": {}}
        for name, value in specs.flatten(dict(values)).items()
        if name in source.origins or value != before.get(name)
    }
