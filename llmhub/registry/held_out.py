"""Rows that a version has not learned from: which of the project's data serve, and which part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmhub.datasets.models import DatasetVersion, Kind, MixPart
from llmhub.runs.lineage import ABOVE, walk
from llmhub.runs.models import Run

if TYPE_CHECKING:
    from llmhub.registry.models import ModelVersion

# What a language model writes; of a pair of answers it would have to like one.
KINDS = (Kind.TEXT, Kind.PROMPT_COMPLETION, Kind.CHAT)
NOT_TRAINED_ON = 1.0


@dataclass(frozen=True)
class Learned:
    """The datasets of a run and of all that it came from, with the share that was held out.

    A row that the smallest share keeps is kept by every larger one: it was learned by none.
    """

    # By dataset; those of the run itself come first.
    shares: dict[int, float]
    template: str

    @classmethod
    def by(cls, run: Run) -> Learned:
        above = Run.objects.filter(pk__in=walk(run, ABOVE)).select_related("dataset_version")
        runs = [run, *above]
        datasets = datasets_of(runs)
        shares: dict[int, float] = {}
        for row in runs:
            share = row.config.get("data", {}).get("validation_share", 0.0)
            for dataset in datasets[row.pk]:
                shares[dataset] = min(share, shares.get(dataset, share))
        template = run.config.get("data", {}).get("template", "auto")
        return cls(shares, template)

    def share_held_out(self, rows: DatasetVersion) -> float:
        return self.shares.get(rows.dataset_id, NOT_TRAINED_ON)


def datasets_of(runs: list[Run]) -> dict[int, list[int]]:
    """By run: its own dataset, or those of its mix, the heaviest first."""
    mixes = {run.mix_version_id for run in runs if run.mix_version_id}
    parts = MixPart.objects.filter(version__in=mixes, dataset_version__isnull=False)
    of_mix: dict[int, list[int]] = {}
    for part in parts.select_related("dataset_version").order_by("-weight"):
        assert part.dataset_version is not None  # filtered
        of_mix.setdefault(part.version_id, []).append(part.dataset_version.dataset_id)
    return {run.pk: own_dataset(run) or of_mix.get(run.mix_version_id or 0, []) for run in runs}


def own_dataset(run: Run) -> list[int]:
    return [run.dataset_version.dataset_id] if run.dataset_version else []


def choices(version: ModelVersion) -> list[DatasetVersion]:
    """The newest version of each dataset that serves; first what the model was trained on."""
    rows = DatasetVersion.objects.filter(
        dataset__project=version.model.project_id, kind__in=KINDS
    ).select_related("dataset")
    newest = list(rows.order_by("dataset_id", "-number").distinct("dataset_id"))
    places = {dataset: place for place, dataset in enumerate(Learned.by(version.run).shares)}
    return sorted(newest, key=lambda row: (places.get(row.dataset_id, len(places)), str(row)))


def described(version: ModelVersion, rows: DatasetVersion) -> dict[str, Any]:
    """What the process is told."""
    learned = Learned.by(version.run)
    return {
        "name": str(rows),
        "source": rows.as_source(),
        "validation_share": learned.share_held_out(rows),
        "template": learned.template,
    }
