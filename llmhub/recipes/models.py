"""Recipes: named, versioned configurations of a training or an alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from llmhub.lib.texts import is_slug, whole
from llmhub.recipes import specs

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User


OBJECTIVE_TITLES = {
    "pretrain": _("Pretraining"),
    "sft": _("Supervised fine-tuning"),
    "reward": _("Reward modelling"),
    "dpo": _("Preference optimization"),
    "ppo": _("Reinforcement learning"),
}


class RecipeQuerySet(models.QuerySet["Recipe"]):
    def visible_in(self, project: Project) -> RecipeQuerySet:
        """The recipes of a project and those that every hub has."""
        return self.filter(Q(project=project) | Q(project=None))

    def visible_to(self, user: User) -> RecipeQuerySet:
        return self.filter(Q(project__memberships__user=user) | Q(project=None)).distinct()

    def named(self, slug: str) -> RecipeQuerySet:
        return self.filter(slug=slug) if is_slug(slug) else self.none()

    def with_latest(self) -> RecipeQuerySet:
        """Adds the number and the spec of the newest version."""
        newest = RecipeVersion.objects.filter(recipe=models.OuterRef("pk")).order_by("-number")
        return self.annotate(
            latest_number=models.Subquery(newest.values("number")[:1]),
            latest_spec=models.Subquery(newest.values("spec")[:1]),
        )


class Recipe(models.Model):
    """A recipe without a project is seed content: everyone reads it, nobody edits it."""

    project = models.ForeignKey(
        "accounts.Project", null=True, on_delete=models.CASCADE, related_name="recipes"
    )
    slug = models.SlugField(max_length=80, unique=True)
    objective = models.CharField(max_length=20, choices=[(o, o) for o in specs.OBJECTIVES])
    # {"en": ..., "fr": ...}: content, not interface text, so it is not in the catalogue.
    title = models.JSONField()
    summary = models.JSONField(default=dict)
    position = models.PositiveSmallIntegerField(default=1000)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    objects = RecipeQuerySet.as_manager()

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.localized("title")

    def localized(self, field: str) -> str:
        texts = getattr(self, field)
        return str(texts.get(get_language() or "en") or texts.get("en") or "")

    def version(self, number: str = "") -> RecipeVersion | None:
        """The version that an address names, if there is one, or the newest."""
        versions = self.versions.select_related("recipe__project", "created_by")
        # The first version is 1: what is no number names none.
        return (versions.filter(number=whole(number) or 0) if number else versions).first()

    def is_builtin(self) -> bool:
        return self.project_id is None

    def objective_title(self) -> str:
        return str(OBJECTIVE_TITLES.get(self.objective, self.objective))


class RecipeVersion(models.Model):
    """One frozen state of a recipe. Never updated: an edit makes the next version."""

    recipe = models.ForeignKey(Recipe, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    spec = models.JSONField()
    # Dotted field name -> {"source": "book" | "ours", "note": {"en": ..., "fr": ...}}
    origins = models.JSONField(default=dict)
    note = models.CharField(_("what changed"), max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["recipe", "number"], name="one_recipe_version_number")
        ]

    def __str__(self) -> str:
        return f"{self.recipe} v{self.number}"

    def typed(self) -> specs.Spec:
        return specs.stored(self.spec)
