"""Who moved a version to which stage, when and why: written once, never changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from llmhub.registry.models.versions import ModelVersion, Stage


class Promotion(models.Model):
    # Whoever was promoted once stays: its history would go with it.
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="promotions")
    before = models.CharField(max_length=20, choices=Stage)
    after = models.CharField(max_length=20, choices=Stage)
    # What was in production until then, and is retired since.
    replaced = models.ForeignKey(
        ModelVersion, null=True, on_delete=models.PROTECT, related_name="replacements"
    )
    is_rollback = models.BooleanField(default=False)
    reason = models.TextField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.version}: {self.before} → {self.after}"
