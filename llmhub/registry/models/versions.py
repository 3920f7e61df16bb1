"""Named models of a project, and their versions, which never change once they are there."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Stage(models.TextChoices):
    CANDIDATE = "candidate", _("candidate")
    PRODUCTION = "production", _("production")
    RETIRED = "retired", _("retired")


class VersionState(models.TextChoices):
    """Whether its files are there: they are copied and verified by a job."""

    REGISTERING = "registering", _("registering")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


class Model(models.Model):
    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="models")
    name = models.CharField(_("name"), max_length=120)
    slug = models.SlugField(max_length=60)
    description = models.TextField(_("description"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["project", "slug"], name="one_model_per_slug")
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """A checkpoint as it was when it was registered. Its files, hashes and lineage never change."""

    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    run = models.ForeignKey("runs.Run", on_delete=models.PROTECT, related_name="model_versions")
    # Gone from the worker's disk perhaps: the version has files of its own.
    checkpoint = models.ForeignKey(
        "runs.Checkpoint", null=True, on_delete=models.SET_NULL, related_name="model_versions"
    )
    step = models.BigIntegerField()
    manifest_sha256 = models.CharField(max_length=64)
    # Of each file: name, bytes, sha256. Empty until the job has made them.
    files = models.JSONField(default=list)
    bytes = models.BigIntegerField(default=0)
    # As SPDX says it; inherited from the base model and the data.
    licence = models.CharField(max_length=200, blank=True)
    # What was known when it was registered: runs, recipes, data, base models, code, environment.
    lineage = models.JSONField(default=dict)
    notes = models.TextField(_("notes"), blank=True)
    state = models.CharField(max_length=20, choices=VersionState, default=VersionState.REGISTERING)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    stage = models.CharField(max_length=20, choices=Stage, default=Stage.CANDIDATE)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="one_model_version_number"),
            models.UniqueConstraint(
                fields=["model"],
                condition=models.Q(stage="production"),
                name="one_model_version_in_production",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} v{self.number}"

    @property
    def folder(self) -> Path:
        """A folder that `transformers` loads, once the version is ready."""
        return Path(settings.HUB_DATA) / "models" / str(self.model_id) / f"v{self.number}"
