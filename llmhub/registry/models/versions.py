"""Named models of a project, and their versions, which never change once they are there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from llmhub.accounts.models import User


class Stage(models.TextChoices):
    CANDIDATE = "candidate", _("candidate")
    PRODUCTION = "production", _("production")
    RETIRED = "retired", _("retired")


class VersionState(models.TextChoices):
    """Whether its files are there: they are copied and verified by a job."""

    REGISTERING = "registering", _("registering")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


class ModelQuerySet(models.QuerySet["Model"]):
    def visible_to(self, user: User) -> ModelQuerySet:
        return self.filter(project__memberships__user=user)

    def listed(self) -> ModelQuerySet:
        """Without those that are out of the way."""
        return self.filter(archived_at=None)


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
    # The highest that was given: a number never names two versions, whatever was deleted.
    last_number = models.PositiveIntegerField(default=0)

    objects = ModelQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["project", "slug"], name="one_model_per_slug")
        ]

    def __str__(self) -> str:
        return self.name


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def visible_to(self, user: User) -> ModelVersionQuerySet:
        return self.filter(model__project__memberships__user=user)

    def with_names(self) -> ModelVersionQuerySet:
        """With all that a list of versions names."""
        return self.select_related("model__project", "run", "created_by", "job")


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
    # As SPDX says it; inherited from the base models and the data, as far as theirs are known.
    licence = models.CharField(max_length=2_000, blank=True)
    # What the files say: architecture, parameters, types, context, vocabulary.
    facts = models.JSONField(default=dict)
    # What was known when it was registered: runs, recipes, data, base models, code, environment.
    lineage = models.JSONField(default=dict)
    notes = models.TextField(_("notes"), blank=True)
    # The file whose bytes were found to have changed; such a version is not promoted.
    damage = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=20, choices=VersionState, default=VersionState.REGISTERING)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    stage = models.CharField(max_length=20, choices=Stage, default=Stage.CANDIDATE)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = ModelVersionQuerySet.as_manager()

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
    def project_id(self) -> int:
        """For `access`; needs model selected."""
        return self.model.project_id

    def is_ready(self) -> bool:
        return self.state == VersionState.READY

    @property
    def folder(self) -> Path:
        """A folder that `transformers` loads, once the version is ready."""
        return Path(settings.HUB_DATA) / "models" / str(self.model_id) / f"v{self.number}"
