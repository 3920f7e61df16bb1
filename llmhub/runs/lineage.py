"""Which runs a run came from, which came from it, and how that is drawn.

A run is younger than all that it starts from. So the runs stand one below the other by age, and
every arc leads downwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from llmhub.jobs.live import project_topic
from llmhub.recipes.models import OBJECTIVE_TITLES
from llmhub.runs.models import Run, RunInput

# Runs are followed so far in both directions, and at most so many are drawn on each side.
DEEPEST = 20
MOST = 20

ROLES: dict[str, Promise] = {
    "model.base_model": _("base model"),
    "model.reward_model": _("reward model"),
    "data.tokenizer_from": _("tokenizer"),
    RunInput.RESUME: _("goes on from"),
}
# Of a run that was launched again: it starts from nothing of the other one.
VALUES = _("values of")

# Of the drawing, in rem: the height of a row, the width, where the dots stand in it, and how far
# arcs lean out at most.
ROW, WIDTH, DOTS, LEAN = 4.5, 3.5, 2.75, 2.5

ABOVE = """
    SELECT source_id FROM runs_runinput WHERE run_id = near.id
    UNION ALL SELECT parent_id FROM runs_run WHERE id = near.id AND parent_id IS NOT NULL
"""
BELOW = """
    SELECT run_id FROM runs_runinput WHERE source_id = near.id
    UNION ALL SELECT id FROM runs_run WHERE parent_id = near.id
"""
WALK = """
    WITH RECURSIVE near (id, depth) AS (
        SELECT %s::bigint, 0
        UNION
        SELECT next.id, near.depth + 1
        FROM near CROSS JOIN LATERAL ({edges}) AS next (id)
        WHERE near.depth < %s
    )
    SELECT id FROM near WHERE depth > 0 GROUP BY id ORDER BY min(depth), id
"""


@dataclass(frozen=True)
class Origin:
    """One thing that a run starts from."""

    role: str
    source_id: int
    # None for the best checkpoint of a run that is still at work.
    step: int | None = None
    is_model: bool = True


@dataclass(frozen=True)
class Node:
    run: Run
    is_here: bool
    origins: list[Origin]
    # Of the pipeline that the run is of whose page this is.
    is_beside: bool = False

    @property
    def title(self) -> str:
        if self.run.is_external:
            return self.run.origin
        return str(OBJECTIVE_TITLES.get(self.run.objective, self.run.objective))


@dataclass(frozen=True)
class Arc:
    path: str
    # It begins or ends at the run whose page this is.
    is_here: bool
    is_model: bool


@dataclass(frozen=True)
class Lineage:
    # The oldest first.
    nodes: list[Node]
    arcs: list[Arc]
    # Runs that were left out.
    more: int
    width: float = WIDTH
    dots_x: float = DOTS

    def __bool__(self) -> bool:
        return len(self.nodes) > 1

    @property
    def is_over(self) -> bool:
        return all(node.run.is_over() for node in self.nodes)

    @property
    def height(self) -> float:
        return ROW * len(self.nodes)

    @property
    def dots(self) -> list[tuple[float, bool]]:
        """How far down each stands."""
        return [(middle(at), node.is_here) for at, node in enumerate(self.nodes)]


def context(run: Run) -> dict[str, Any]:
    # A run that is launched from one of these is told to the project alone.
    return {"run": run, "lineage": lineage(run), "lineage_topic": project_topic(run.project_id)}


def lineage(run: Run) -> Lineage:
    """In a number of queries that does not depend on how many runs there are."""
    above, below = walk(run, ABOVE), walk(run, BELOW)
    chosen = [run.pk, *above[:MOST], *below[:MOST]]
    runs = Run.objects.filter(pk__in=chosen).order_by("pk")
    origins = origins_of(runs)
    nodes = [Node(one, one.pk == run.pk, origins[one.pk], is_beside(one, run)) for one in runs]
    return Lineage(nodes, arcs(nodes), len(above) + len(below) + 1 - len(nodes))


def is_beside(one: Run, run: Run) -> bool:
    return one.pipeline_id is not None and one.pipeline_id == run.pipeline_id


def walk(run: Run, edges: str) -> list[int]:
    """The runs that are reached along edges, the nearest first."""
    with connection.cursor() as cursor:
        cursor.execute(WALK.format(edges=edges), [run.pk, DEEPEST])
        return [pk for (pk,) in cursor.fetchall()]


def origins_of(runs: Iterable[Run]) -> dict[int, list[Origin]]:
    found: dict[int, list[Origin]] = defaultdict(list)
    inputs = RunInput.objects.filter(run__in=list(runs)).select_related("checkpoint")
    for edge in inputs.order_by("pk"):
        step = edge.checkpoint.step if edge.checkpoint else edge.step
        role = str(ROLES.get(edge.role, edge.role))
        found[edge.run_id].append(Origin(role, edge.source_id, step))
    for run in runs:
        sources = {origin.source_id for origin in found[run.pk]}
        if run.parent_id is not None and run.parent_id not in sources:
            found[run.pk].append(Origin(str(VALUES), run.parent_id, is_model=False))
    return found


def arcs(nodes: list[Node]) -> list[Arc]:
    """One for each pair of runs that are drawn."""
    rows = {node.run.pk: at for at, node in enumerate(nodes)}
    found = {}
    for node in nodes:
        for origin in node.origins:
            if origin.source_id in rows:
                start, end = rows[origin.source_id], rows[node.run.pk]
                is_here = node.is_here or nodes[start].is_here
                found[start, end] = Arc(drawn(start, end), is_here, origin.is_model)
    return list(found.values())


def drawn(start: int, end: int) -> str:
    """Straight to the next row, else leaning out around the rows between."""
    top, bottom = middle(start), middle(end)
    out = DOTS - (min(LEAN, 0.6 * (end - start)) * 4 / 3 if end - start > 1 else 0)
    return f"M{DOTS:g} {top:g}C{out:.2f} {top:g} {out:.2f} {bottom:g} {DOTS:g} {bottom:g}"


def middle(row: int) -> float:
    return ROW * (row + 0.5)
