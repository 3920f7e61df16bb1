"""The data that went into the weights of a version: of its run, and of every run before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llmhub.datasets.models import DatasetVersion, MixPart
from llmhub.lib import model_reference
from llmhub.runs.models import Run, RunInput

# Runs are followed so far back.
DEEPEST = 20
BASE_MODEL = "model.base_model"
# What weights are taken from; a reward model teaches, but none of its weights go on.
ROLES = (BASE_MODEL, RunInput.RESUME)


@dataclass
class Learned:
    """`shares`: by dataset version, the smallest part that a run kept for validation. `unknown`:
    base models whose data nobody here knows."""

    shares: dict[int, float] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def add(self, version_id: int, share: float) -> None:
        self.shares[version_id] = min(share, self.shares.get(version_id, share))

    def as_job(self) -> list[dict[str, Any]]:
        rows = DatasetVersion.objects.filter(pk__in=self.shares).select_related("dataset")
        return [
            {"name": str(row), "source": row.as_source(), "share": self.shares[row.pk]}
            for row in rows.prefetch_related("files").order_by("pk")
        ]


def of(run: Run) -> Learned:
    runs = ancestors(run)
    learned = Learned()
    in_mixes = parts([each.mix_version_id for each in runs if each.mix_version_id])
    for each in runs:
        share = validation_share(each)
        for version_id in [each.dataset_version_id, *in_mixes.get(each.mix_version_id, [])]:
            if version_id:
                learned.add(version_id, share)
    learned.unknown = sorted({name for each in runs if (name := foreign_base(each))})
    return learned


def ancestors(run: Run) -> list[Run]:
    """The run and those that its weights come from."""
    found = {run.pk: run}
    level = {run.pk}
    for _ in range(DEEPEST):
        inputs = RunInput.objects.filter(run__in=level, role__in=ROLES).select_related("source")
        new = {row.source_id: row.source for row in inputs if row.source_id not in found}
        if not new:
            break
        found |= new
        level = set(new)
    return list(found.values())


def parts(mix_ids: list[int]) -> dict[int | None, list[int]]:
    rows = MixPart.objects.filter(version__in=mix_ids, dataset_version__isnull=False)
    found: dict[int | None, list[int]] = {}
    for mix_id, version_id in rows.values_list("version_id", "dataset_version_id"):
        found.setdefault(mix_id, []).append(version_id)
    return found


def validation_share(run: Run) -> float:
    """As its trainer divided the rows."""
    share = run.config.get("data", {}).get("validation_share", 0.0)
    return float(share) if isinstance(share, int | float) else 0.0


def foreign_base(run: Run) -> str:
    """A base model that no run of this hub made; empty where there is none."""
    text = run.config.get("model", {}).get("base_model", "")
    try:
        reference = model_reference.parse(text) if text else None
    except model_reference.NotAReference:
        return str(text)
    # The tiny demo model is drawn at random: it has learned nothing.
    is_tiny = reference and reference.name == model_reference.TINY
    if reference is None or is_tiny or reference.kind is model_reference.Kind.RUN:
        return ""
    return str(text)
