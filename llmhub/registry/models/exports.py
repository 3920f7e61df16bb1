"""A version in another form: files that leave the hub, and how far they are from the original."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.lib import export_forms
from llmhub.registry.models.versions import ModelVersion


class Form(models.TextChoices):
    """The values are those of `lib.export_forms`."""

    BF16 = export_forms.Form.BF16.value, _("safetensors, bf16")
    FP32 = export_forms.Form.FP32.value, _("safetensors, fp32")
    INT8 = export_forms.Form.INT8.value, _("safetensors, int8")
    INT4 = export_forms.Form.INT4.value, _("safetensors, int4")
    GGUF_F16 = export_forms.Form.GGUF_F16.value, _("GGUF, f16")
    GGUF_Q8 = export_forms.Form.GGUF_Q8.value, _("GGUF, q8_0 (8 bits)")
    GGUF_Q4 = export_forms.Form.GGUF_Q4.value, _("GGUF, q4_0 (4 bits)")


class Export(models.Model):
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="exports")
    form = models.CharField(_("form"), max_length=20, choices=Form)
    # Whose held-out rows its quality was measured on.
    rows = models.ForeignKey(
        "datasets.DatasetVersion", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    job = models.OneToOneField("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    # Of each file: name, bytes, sha256. Empty until the job is done.
    files = models.JSONField(default=list)
    bytes = models.BigIntegerField(default=0)
    # What `workers.models.export.quality` found.
    quality = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["version", "form"], name="one_export_per_form")
        ]

    def __str__(self) -> str:
        return f"{self.version}, {self.get_form_display()}"

    @property
    def folder(self) -> Path:
        return Path(settings.HUB_DATA) / "exports" / str(self.pk)

    @property
    def name(self) -> str:
        """Of the model, for those who ask a server for it."""
        return f"{self.version.model.slug}-v{self.version.number}"

    @property
    def folder_name(self) -> str:
        """Of the folder that it comes in."""
        return f"{self.name}-{self.form}"

    def is_ready(self) -> bool:
        return bool(self.files)

    def is_under_way(self) -> bool:
        return self.job is not None and not self.job.is_over()

    def file(self, name: str) -> dict[str, Any] | None:
        """Only what is listed is ever served."""
        return next((file for file in self.files if file["name"] == name), None)
