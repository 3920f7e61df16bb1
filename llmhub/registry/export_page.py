"""What is shown of a version's exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import reverse

from llmhub.datasets.problems import explain
from llmhub.jobs.live import job_topic
from llmhub.lib import export_forms, serving
from llmhub.registry.export_forms import ExportForm
from llmhub.registry.models import Export, ModelVersion


def context(version: ModelVersion, form: ExportForm | None = None) -> dict[str, Any]:
    exports = list(version.exports.select_related("job", "rows__dataset", "version__model"))
    under_way = [export.job for export in exports if export.job and export.is_under_way()]
    return {
        "version": version,
        "rows": [described(export) for export in exports],
        "export_form": form or ExportForm(version),
        "original_bytes": version.bytes,
        "version_url": version_url(version),
        "topics": " ".join(job_topic(job.pk) for job in under_way),
    }


def described(export: Export) -> dict[str, Any]:
    """A line of the table."""
    problem = explain(export.job.problem) if export.job and not export.is_ready() else None
    return {"export": export, "problem": problem, "quality": export.quality}


def version_url(version: ModelVersion) -> str:
    """The page of the version, which the address of its exports begins with."""
    exports = reverse("model_exports", args=[version.model_id, version.number])
    return exports.removesuffix("exports/")


def details(export: Export) -> dict[str, Any]:
    form = export_forms.Form(export.form)
    return {
        "export": export,
        "version": export.version,
        "quality": export.quality,
        "version_url": version_url(export.version),
        "commands": list(serving.commands(form, export.name, export.folder_name)),
        "loading": "\n".join(loading(form, export)),
    }


def loading(form: export_forms.Form, export: Export) -> Iterator[str]:
    """The Python that opens it, where that is plain `transformers`."""
    if form.is_gguf:
        return
    yield "from transformers import AutoModelForCausalLM, AutoTokenizer"
    yield f'model = AutoModelForCausalLM.from_pretrained("{export.folder_name}")'
    yield f'tokenizer = AutoTokenizer.from_pretrained("{export.folder_name}")'
