"""Where a version comes from, back to the data: written down once, and drawn.

What stands in the lineage of a version is a copy: runs are renamed, datasets deleted, and a version
never changes. Its parts stand in an order in which each comes after all that it is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from llmhub.datasets import licences
from llmhub.datasets.models import DatasetVersion
from llmhub.lib import model_reference
from llmhub.lib.model_reference import SMOLLM2, TINY, Kind, Reference
from llmhub.recipes import specs
from llmhub.recipes.models import OBJECTIVE_TITLES
from llmhub.runs import lineage as runs_lineage
from llmhub.runs.lineage import Arc
from llmhub.runs.models import Run

if TYPE_CHECKING:
    from llmhub.registry.models import ModelVersion
    from llmhub.runs.models import Checkpoint

# Runs whose models went into it; those of which only the values were copied did not.
MODELS_ABOVE = "SELECT source_id FROM runs_runinput WHERE run_id = near.id"

# Of what a worker reports: the commit of its llmhub.
CODE = "llmhub"
DATA, BASE, RUN, VERSION = "data", "base", "run", "version"
# How a part came into the next one, besides the roles of `runs.lineage`.
LEARNED, DERIVED, REGISTERED = "learned", "derived", "registered"
ROLES: dict[str, Promise | str] = {
    **runs_lineage.ROLES,
    LEARNED: _("learns from"),
    DERIVED: _("made from"),
    REGISTERED: _("checkpoint of"),
}
KINDS: dict[str, Promise] = {
    DATA: _("Data"),
    BASE: _("Base model"),
    RUN: _("Run"),
    VERSION: _("Model"),
}
LICENCES_OF_DEMOS = {SMOLLM2: "Apache-2.0"}
# Random weights of our own: nobody's licence is inherited from them.
OURS = frozenset({TINY})

Part = dict[str, Any]


def collected(run: Run, checkpoint: Checkpoint) -> dict[str, Any]:
    """In a number of queries that does not depend on how many runs there are."""
    runs = runs_of(run)
    versions = versions_of(runs)
    edges = list(edges_of(runs, versions))
    parts = {part["key"]: part for part in parts_of(runs, versions)}
    return {
        "parts": [parts[key] for key in ordered(parts, edges)],
        "edges": edges,
        "val_loss": checkpoint.val_loss,
        "environment": environment_of(checkpoint),
    }


def runs_of(run: Run) -> list[Run]:
    """It and all whose models it comes from, the oldest first: no run starts from a younger one."""
    ids = [run.pk, *runs_lineage.walk(run, MODELS_ABOVE)]
    found = Run.objects.with_names().filter(pk__in=ids).order_by("pk")
    return list(found.prefetch_related("inputs__checkpoint", "mix_version__parts__dataset_version"))


def data_of(run: Run) -> list[int]:
    """The versions that it learns from, also through a mix."""
    if run.mix_version:
        found = (part.dataset_version_id for part in run.mix_version.parts.all())
        return [pk for pk in found if pk]
    return [run.dataset_version_id] if run.dataset_version_id else []


def versions_of(runs: Iterable[Run]) -> dict[int, DatasetVersion]:
    """Of the data of these runs, with the versions that they were cleaned from."""
    wanted = {pk for run in runs for pk in data_of(run)}
    datasets = DatasetVersion.objects.filter(pk__in=wanted).values("dataset")
    rows = DatasetVersion.objects.filter(dataset__in=datasets).select_related("dataset")
    known = {row.pk: row for row in rows.defer("sample").order_by("pk")}
    used = with_parents(wanted, known)
    return {pk: row for pk, row in known.items() if pk in used}


def with_parents(wanted: set[int], known: dict[int, DatasetVersion]) -> set[int]:
    found: set[int] = set()
    waiting: list[int | None] = list(wanted)
    while waiting:
        pk = waiting.pop()
        if pk in known and pk not in found:
            found.add(pk)
            waiting.append(known[pk].parent_id)
    return found


def bases_of(run: Run) -> dict[str, Reference]:
    """The models from outside that it starts from, by their role."""
    named = specs.model_inputs(specs.stored(run.config))
    found = {role: model_reference.parse(text) for role, text in named.items()}
    return {role: reference for role, reference in found.items() if reference.kind != Kind.RUN}


def edges_of(runs: list[Run], versions: dict[int, DatasetVersion]) -> Iterator[Part]:
    for version in versions.values():
        if version.parent_id in versions:
            yield edge(f"{DATA}:{version.parent_id}", f"{DATA}:{version.pk}", DERIVED)
    for run in runs:
        here = f"{RUN}:{run.pk}"
        for pk in data_of(run):
            yield edge(f"{DATA}:{pk}", here, LEARNED)
        for role, reference in bases_of(run).items():
            yield edge(f"{BASE}:{reference}", here, role)
        for row in run.inputs.all():
            step = row.checkpoint.step if row.checkpoint else row.step
            yield edge(f"{RUN}:{row.source_id}", here, row.role, step)


def edge(start: str, end: str, role: str, step: int | None = None) -> Part:
    return {"from": start, "to": end, "role": role, "step": step}


def parts_of(runs: list[Run], versions: dict[int, DatasetVersion]) -> Iterator[Part]:
    yield from map(of_data, versions.values())
    for run in runs:
        yield from map(of_base, bases_of(run).values())
        yield of_run(run)


def of_data(version: DatasetVersion) -> Part:
    return {
        "key": f"{DATA}:{version.pk}",
        "kind": DATA,
        "id": version.pk,
        "slug": version.dataset.slug,
        "name": version.dataset.name,
        "number": version.number,
        "sha256": version.sha256,
        "rows": version.rows,
        "licence": version.dataset.licence,
        "source": version.dataset.source,
    }


def of_base(reference: Reference) -> Part:
    is_demo = reference.kind == Kind.DEMO
    return {
        "key": f"{BASE}:{reference}",
        "kind": BASE,
        "name": str(reference),
        "licence": LICENCES_OF_DEMOS.get(reference.name, "") if is_demo else "",
        "is_ours": is_demo and reference.name in OURS,
    }


def of_run(run: Run) -> Part:
    recipe = run.recipe_version
    assert recipe is not None, "an external run has no checkpoint here"
    return {
        "key": f"{RUN}:{run.pk}",
        "kind": RUN,
        "id": run.pk,
        "name": run.name,
        "objective": run.objective,
        "recipe": recipe.recipe.slug,
        "recipe_version": recipe.number,
        "scale": run.scale,
        "overrides": run.overrides,
    }


def ordered(parts: Iterable[str], edges: list[Part]) -> list[str]:
    """Each as late as can be: right before the first that it went into."""
    sources: dict[str, list[str]] = {}
    for one in edges:
        sources.setdefault(one["to"], []).append(one["from"])
    found: dict[str, None] = {}

    def place(key: str) -> None:
        for source in sources.get(key, ()):
            if source not in found:
                place(source)
        found[key] = None

    for key in [key for key in parts if key.startswith(RUN)]:
        place(key)
    return [key for key in found if key in set(parts)]


def environment_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """Of the machine that wrote the checkpoint, as it is now."""
    worker = checkpoint.attempt.worker
    if worker is None:
        return {}
    return {
        "worker": worker.name,
        "devices": sorted({device["name"] for device in worker.devices if device.get("name")}),
        "versions": {name: of for name, of in worker.versions.items() if name != CODE},
        "code": worker.versions.get(CODE, ""),
    }


def sources_of_rights(lineage: dict[str, Any]) -> list[Part]:
    """The parts whose licences a model inherits."""
    parts = lineage.get("parts", [])
    return [part for part in parts if part["kind"] in {DATA, BASE} and not part.get("is_ours")]


def licence_of(lineage: dict[str, Any]) -> str:
    """That of all parts together, as far as it is known; `without_licence` says how far."""
    return licences.all_of(part["licence"] for part in sources_of_rights(lineage))


def without_licence(lineage: dict[str, Any]) -> list[str]:
    return [title(part) for part in sources_of_rights(lineage) if not part["licence"]]


def title(part: Part) -> str:
    return f"{part['name']} v{part['number']}" if part["kind"] == DATA else str(part["name"])


# --- how it is drawn


@dataclass(frozen=True)
class Node:
    """One row of the drawing."""

    part: Part
    # How it came to be: the role and the title of what it is made of, and the step.
    origins: list[tuple[str, str, int | None]]
    is_here: bool = False

    @property
    def title(self) -> str:
        return title(self.part)

    @property
    def kind(self) -> str:
        return str(KINDS[self.part["kind"]])

    @property
    def objective(self) -> str:
        name = self.part.get("objective", "")
        return str(OBJECTIVE_TITLES.get(name, name))


@dataclass(frozen=True)
class Drawing:
    nodes: list[Node]
    arcs: list[Arc]
    width: float = runs_lineage.WIDTH
    dots_x: float = runs_lineage.DOTS

    @property
    def height(self) -> float:
        return runs_lineage.ROW * len(self.nodes)

    @property
    def dots(self) -> list[tuple[float, bool]]:
        return [(runs_lineage.middle(at), node.is_here) for at, node in enumerate(self.nodes)]


def drawing(version: ModelVersion) -> Drawing:
    """Data above the runs that learned from them, the version at the bottom."""
    parts = [*version.lineage.get("parts", []), of_version(version)]
    edges = [
        *version.lineage.get("edges", []),
        edge(f"{RUN}:{version.run_id}", VERSION, REGISTERED, version.step),
    ]
    names = {part["key"]: title(part) for part in parts}
    nodes = [
        Node(part, origins(part["key"], edges, names), part["key"] == VERSION) for part in parts
    ]
    return Drawing(nodes, arcs([part["key"] for part in parts], edges))


def of_version(version: ModelVersion) -> Part:
    return {"key": VERSION, "kind": VERSION, "name": str(version)}


def origins(
    key: str, edges: list[Part], names: dict[str, str]
) -> list[tuple[str, str, int | None]]:
    return [
        (str(ROLES.get(one["role"], one["role"])), names[one["from"]], one["step"])
        for one in edges
        if one["to"] == key and one["from"] in names
    ]


def arcs(keys: list[str], edges: list[Part]) -> list[Arc]:
    """One for each pair of rows that are drawn."""
    rows = {key: at for at, key in enumerate(keys)}
    pairs = {(rows[one["from"]], rows[one["to"]]) for one in edges if one["from"] in rows}
    return [
        Arc(runs_lineage.drawn(start, end), end == rows[VERSION], is_model=True)
        for start, end in sorted(pairs)
    ]
