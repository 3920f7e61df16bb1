"""Which runs a run came from, and which came from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy as _

from llmhub.runs.models import Run, RunInput

# Runs are followed so far in both directions, and no more of them are drawn.
DEEPEST = 6
MOST = 50

ROLES = {
    "model.base_model": _("base model"),
    "model.reward_model": _("reward model"),
    "data.tokenizer_from": _("tokenizer"),
    RunInput.RESUME: _("goes on from"),
}


@dataclass
class Node:
    run: Run
    # What it is to the run beside it: its base model, the step that was gone on from.
    roles: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Lineage:
    # Columns of runs, from the farthest ancestors to the parents; and from the children on.
    before: list[list[Node]]
    after: list[list[Node]]

    def __bool__(self) -> bool:
        return bool(self.before or self.after)


def lineage(run: Run) -> Lineage:
    """A query for each generation, however many runs are in it."""
    seen = {run.pk}
    return Lineage(before=walk([run], seen, ancestors)[::-1], after=walk([run], seen, descendants))


def walk(runs: list[Run], seen: set[int], step: object) -> list[list[Node]]:
    columns: list[list[Node]] = []
    while runs and len(columns) < DEEPEST and len(seen) < MOST:
        nodes = neighbours(step(runs), seen)  # type: ignore[operator]
        if not nodes:
            break
        columns.append(nodes)
        runs = [node.run for node in nodes]
    return columns


def ancestors(runs: Iterable[Run]) -> list[tuple[Run, str]]:
    edges = RunInput.objects.filter(run__in=list(runs)).select_related("source")
    return [(edge.source, role_of(edge)) for edge in edges.order_by("source_id")[:MOST]]


def descendants(runs: Iterable[Run]) -> list[tuple[Run, str]]:
    edges = RunInput.objects.filter(source__in=list(runs)).select_related("run")
    return [(edge.run, role_of(edge)) for edge in edges.order_by("run_id")[:MOST]]


def role_of(edge: RunInput) -> str:
    role = str(ROLES.get(edge.role, edge.role))
    return (
        role
        if edge.step is None
        else _("%(role)s step %(step)s") % {"role": role, "step": edge.step}
    )


def neighbours(found: Iterable[tuple[Run, str]], seen: set[int]) -> list[Node]:
    nodes: dict[int, Node] = {}
    for run, role in found:
        if run.pk in nodes:
            nodes[run.pk].roles.append(role)
        elif run.pk not in seen and len(seen) < MOST:
            seen.add(run.pk)
            nodes[run.pk] = Node(run, [role])
    return list(nodes.values())
