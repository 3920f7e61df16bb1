"""Datasets: text that runs train on. A version is immutable and named by its content."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from llmhub.accounts.models import User


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: User) -> DatasetQuerySet:
        return self.filter(project__memberships__user=user)

    def with_latest(self) -> DatasetQuerySet:
        """Adds the figures of the newest version and the number of versions."""
        newest = DatasetVersion.objects.filter(dataset=models.OuterRef("pk")).order_by("-number")
        return self.annotate(
            versions_count=models.Count("versions"),
            latest_bytes=models.Subquery(newest.values("bytes")[:1]),
            latest_characters=models.Subquery(newest.values("characters")[:1]),
            latest_lines=models.Subquery(newest.values("lines")[:1]),
            latest_at=models.Subquery(newest.values("created_at")[:1]),
        )


class Dataset(models.Model):
    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="datasets"
    )
    slug = models.SlugField(max_length=80)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), max_length=5_000, blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    licence = models.CharField(_("licence"), max_length=120, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "slug"], name="one_dataset_slug_per_project")
        ]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """One immutable text file, stored under its own hash in the default storage."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    # Name inside the default storage.
    file = models.CharField(max_length=200)
    bytes = models.BigIntegerField()
    characters = models.BigIntegerField()
    lines = models.BigIntegerField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "number"], name="one_dataset_version_number"
            ),
            models.UniqueConstraint(fields=["dataset", "sha256"], name="one_version_per_content"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"

    def path(self) -> Path:
        """Where a trainer on this machine reads the text."""
        return Path(default_storage.path(self.file))

    def preview(self, max_bytes: int = 4096) -> str:
        """The first lines, without the line that the limit cuts."""
        with default_storage.open(self.file, "rb") as file:
            head: bytes = file.read(max_bytes)
        text = head.decode("utf-8", errors="ignore")
        return text if len(head) < max_bytes else text.rpartition("\n")[0] or text


class Seeded(models.Model):
    """Content that was put in once, so that what a person removes stays removed."""

    name = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name
