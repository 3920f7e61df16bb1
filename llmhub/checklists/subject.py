"""What a checklist is about, part by part, in a form of which equal subjects have equal hashes.

Only what decides the result stands in it: a run that is renamed stays the same subject.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now
from pydantic import ValidationError

from llmhub.checklists.items import Part
from llmhub.lib import model_reference
from llmhub.lib.canonical import canonical, digest
from llmhub.lib.model_reference import Kind, NotAReference, Reference
from llmhub.recipes import specs
from llmhub.registry import lineage
from llmhub.runs import inputs
from llmhub.runs.models import Run, RunInput, Worker

if TYPE_CHECKING:
    from llmhub.checklists.models import Checklist
    from llmhub.datasets.models import DatasetVersion
    from llmhub.registry.models import ModelVersion

Subject = dict[str, Any]

# Of what a worker reports: the commit of its llmhub, and what follows it where it was changed.
CODE = lineage.CODE
DIRTY = "+"
# A worker that was up so lately is likely to come back.
LATELY = timedelta(days=1)
# A file of a model is read to be hashed where that costs little; of weights the size is told.

SMALL_BYTES = 2**20
# More than a model has; a folder with more of them is told apart by the first ones.
MOST_FILES = 1_000


def of(checklist: Checklist) -> Subject:
    if checklist.run is not None:
        return of_run(checklist.run)
    assert checklist.model_version is not None, "a constraint holds that it is about something"
    return of_version(checklist.model_version)


def of_run(run: Run) -> Subject:
    """As it is in the database now. Needs no worker that listens: the last one seen counts."""
    run = _runs().get(pk=run.pk)
    workers = taking()
    return {
        Part.RECIPE.value: recipe(run),
        Part.DATA.value: data(run),
        Part.BASE_MODEL.value: base_models(run),
        Part.LICENCE.value: licences(run),
        Part.CODE.value: code(workers),
        Part.ENVIRONMENT.value: environment(workers),
        Part.TARGET.value: target(run, workers),
    }


def of_version(version: ModelVersion) -> Subject:
    """Of its run, what stands in its lineage: datasets are renamed, runs thrown away."""
    return {
        Part.WEIGHTS.value: {
            "manifest": version.manifest_sha256,
            "files": {file["name"]: file["sha256"] for file in version.files},
        },
        Part.LICENCE.value: {"licence": version.licence},
        Part.RECIPE.value: recipe(_runs().get(pk=version.run_id)),
        Part.DATA.value: {"versions": list(_learned_from(version.lineage))},
        Part.BASE_MODEL.value: {"started_from": list(_started_from(version.lineage))},
    }


def hashes(subject: Subject) -> dict[str, str]:
    return {part: digest(value) for part, value in subject.items()}


# --- a run


def _runs() -> Any:
    named = Run.objects.select_related(
        "recipe_version__recipe", "dataset_version__dataset", "mix_version__mix"
    )
    return named.prefetch_related("inputs__source", "inputs__checkpoint")


def recipe(run: Run) -> dict[str, Any]:
    version = run.recipe_version
    assert version is not None, "a script's run is not launched here"
    return {
        "slug": version.recipe.slug,
        "number": version.number,
        "sha256": digest(version.spec),
        "scale": run.scale,
        "config": _named_by_stage(run),
    }


def _named_by_stage(run: Run) -> dict[str, Any]:
    """The config; what an earlier stage makes is named by that stage and not by its run, which is
    another one each time."""
    config = {name: dict(of) if isinstance(of, dict) else of for name, of in run.config.items()}
    for row in run.inputs.all():
        group, _, name = row.role.partition(".")
        if name and _is_made_by_stage(run, row):
            config[group][name] = _output(row.source)
    return config


def data(run: Run) -> dict[str, Any]:
    if run.mix_version is None:
        found = [run.dataset_version] if run.dataset_version else []
        return {"versions": [_version(version) for version in found]}
    parts = run.mix_version.parts.select_related("dataset_version__dataset")
    return {
        "mix": {"slug": run.mix_version.mix.slug, "number": run.mix_version.number},
        "versions": [
            _version(part.dataset_version) | {"slot": part.slot, "weight": part.weight}
            for part in parts.prefetch_related("dataset_version__files")
            if part.dataset_version
        ],
    }


def _version(version: DatasetVersion) -> dict[str, Any]:
    return {
        "slug": version.dataset.slug,
        "number": version.number,
        "sha256": version.sha256,
        "files": [file.sha256 for file in version.files.all()],
    }


def base_models(run: Run) -> dict[str, Any]:
    """By the role in which the run starts from them; also the checkpoint that it goes on from."""
    edges = {row.role: row for row in run.inputs.all()}
    found = {
        role: _of_edge(run, edges[role]) if role in edges else _of_reference(text)
        for role, text in _named_models(run).items()
    }
    if RunInput.RESUME in edges:
        found[RunInput.RESUME] = _of_edge(run, edges[RunInput.RESUME])
    return found


def _named_models(run: Run) -> dict[str, str]:
    """None of a config that somebody has broken: that alone makes it another subject."""
    try:
        return specs.model_inputs(specs.stored(run.config))
    except ValidationError:
        return {}


def _is_made_by_stage(run: Run, row: RunInput) -> bool:
    """Whether it is what an earlier stage of the pipeline makes, whenever that is asked."""
    return row.step is None and run.pipeline_id is not None and _is_beside(run, row.source)


def _is_beside(run: Run, source: Run) -> bool:
    return source.pipeline_id == run.pipeline_id


def _output(source: Run) -> str:
    return f"output of stage {source.stage}"


def _of_edge(run: Run, row: RunInput) -> dict[str, Any]:
    """A stage of the run's own pipeline need not have been trained yet: what it is trained from
    says what it will be."""
    if _is_made_by_stage(run, row):
        return {"reference": _output(row.source), "made_from": _made_from(row.source)}
    checkpoint = row.checkpoint
    step = checkpoint.step if checkpoint else row.step
    return {
        "reference": str(Reference(Kind.RUN, str(row.source_id), step)),
        "manifest": checkpoint.manifest_sha256 if checkpoint else None,
    }


def _made_from(source: Run) -> str:
    source = _runs().get(pk=source.pk)
    return digest([recipe(source), data(source), base_models(source)])


def _of_reference(text: str) -> dict[str, Any]:
    try:
        reference = model_reference.parse(text)
    except NotAReference:
        return {"reference": text, "manifest": None}
    folder = _folder_of(reference)
    files = _files(folder) if folder and folder.is_dir() else []
    return {"reference": str(reference), "manifest": digest(files) if files else None}


def _folder_of(reference: Reference) -> Path | None:
    if reference.kind is Kind.FOLDER:
        return Path(reference.name)
    if reference.kind is Kind.DEMO:
        return inputs.models_folder() / reference.name
    # A worker downloads it when it is needed, perhaps on another machine.
    return None


def _files(folder: Path) -> list[list[Any]]:
    """By name: the size, and of what is small the hash. Weights of 100 GB are not read here."""
    try:
        found = sorted(path for path in folder.iterdir() if path.is_file())[:MOST_FILES]
        return [[path.name, path.stat().st_size, _hash(path)] for path in found]
    except OSError:
        return []


def _hash(path: Path) -> str | None:
    if path.stat().st_size > SMALL_BYTES:
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def licences(run: Run) -> dict[str, Any]:
    """Of the data and base models of the run, and of all runs whose models it starts from."""
    runs = lineage.runs_of(run)
    bases = (lineage.of_base(base) for one in runs for base in lineage.bases_of(one).values())
    return {
        "data": {
            f"{version.dataset.slug}@{version.number}": version.dataset.licence
            for version in lineage.versions_of(runs).values()
        },
        "base_models": {base["name"]: base["licence"] for base in bases if not base["is_ours"]},
    }


# --- where it is trained


def taking() -> list[Worker]:
    """Those that may take it: all that were up within a day, else the one that was seen last. One
    that is started again must not void what was signed of it."""
    newest = Worker.objects.order_by("-last_seen_at")
    return list(newest.filter(last_seen_at__gt=Now() - LATELY) or newest[:1])


def code(workers: Iterable[Worker]) -> dict[str, Any]:
    """Usually of one commit. A worker without git does not tell, and that is part of it."""
    told = sorted({worker.versions.get(CODE, "") for worker in workers})
    return {
        "commits": [commit.removesuffix(DIRTY) for commit in told],
        "is_dirty": any(commit.endswith(DIRTY) for commit in told),
    }


def environment(workers: Iterable[Worker]) -> dict[str, Any]:
    """The versions of each package that the workers have: one, where all are alike."""
    found: dict[str, set[str]] = {}
    for name, version in chain.from_iterable(worker.versions.items() for worker in workers):
        if name != CODE:
            found.setdefault(name, set()).add(str(version))
    return {name: sorted(versions) for name, versions in sorted(found.items())}


def target(run: Run, workers: Iterable[Worker]) -> dict[str, Any]:
    devices = (device for worker in workers for device in worker.devices)
    return {
        "devices": sorted({f"{device['kind']}: {device['name']}" for device in devices}),
        "processes": run.processes,
        "strategy": run.config.get("runtime", {}).get("strategy", "ddp"),
    }


# --- a model version


def _learned_from(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in found.get("parts", []):
        if part["kind"] == lineage.DATA:
            yield {name: part[name] for name in ("slug", "number", "sha256")}


def _started_from(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Models from outside, and the runs above it with the step that was taken of each."""
    kinds = (lineage.BASE, lineage.RUN)
    parts = {part["key"] for part in found.get("parts", []) if part["kind"] in kinds}
    for edge in found.get("edges", []):
        if edge["from"] in parts:
            yield {"reference": edge["from"], "role": edge["role"], "step": edge["step"]}


# --- what changed


@dataclass(frozen=True)
class Change:
    # Dotted, beginning with the part; None where a side has no such value.
    path: str
    before: Any
    after: Any


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Every value that differs, by path."""
    before, after = dict(_flat(old)), dict(_flat(new))
    return [
        Change(path, before.get(path), after.get(path))
        for path in dict.fromkeys([*before, *after])
        # 1 and 1.0 are equal, and not the same text.
        if canonical(before.get(path)) != canonical(after.get(path))
    ]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Lists are counted from 0; an empty group is a value."""
    if isinstance(value, Mapping):
        inner: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        inner = ()
    if not value or not isinstance(value, Mapping | list):
        yield path, value
    for name, member in inner:
        yield from _flat(member, f"{path}.{name}" if path else str(name))
