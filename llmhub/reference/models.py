"""The entries of the reference as rows, for searching alone; and what a team adds itself."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MAX_RESOURCE_NOTES = 5_000


class Purpose(models.TextChoices):
    """What a resource is for: the values of entries.Resource.purpose, in the order of the page."""

    COURSE = "course", _("Courses")
    TRAINING = "training", _("Training")
    INFERENCE = "inference", _("Inference")
    TOOLS = "tools", _("Tools")
    PAPER = "paper", _("Papers")
    CONFERENCE = "conference", _("Conferences")
    COMMUNITY = "community", _("Communities")


class Entry(models.Model):
    """One entry in one language, as `sync_reference` found it in the files."""

    kind = models.CharField(max_length=20)
    slug = models.SlugField(max_length=80)
    language = models.CharField(max_length=10)
    title = models.CharField(max_length=120)
    # Other names, separated by spaces.
    aliases = models.TextField()
    short = models.TextField()
    # The words of the body, without markup.
    text = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "slug", "language"], name="entry_once_per_language"
            )
        ]


class OwnResourceQuerySet(models.QuerySet["OwnResource"]):
    def listed(self) -> OwnResourceQuerySet:
        return self.filter(deleted_at=None)


class OwnResource(models.Model):
    """What a team reads or uses, beside the resources that come with the hub."""

    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="resources"
    )
    title = models.CharField(_("title"), max_length=120)
    # Shown as a link and never opened by the hub.
    url = models.CharField(_("address"), max_length=500)
    purpose = models.CharField(_("purpose"), max_length=12, choices=Purpose)
    # Markdown.
    notes = models.TextField(_("notes"), max_length=MAX_RESOURCE_NOTES, blank=True)
    # Slugs of the glossary; one that a release does not have any more stays.
    terms = ArrayField(models.SlugField(max_length=80), default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    # Grows with every change: whoever saves what they read before that is told so.
    revision = models.PositiveIntegerField(default=1)
    deleted_at = models.DateTimeField(null=True)

    objects = OwnResourceQuerySet.as_manager()

    class Meta:
        ordering = ["title", "pk"]

    def __str__(self) -> str:
        return self.title
