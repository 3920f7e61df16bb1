"""The workers as a person sees them: what each offers, what it works on, when it was last heard of."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef

from llmhub.accounts.models import User
from llmhub.runs.models import Attempt, Run, Worker


@dataclass
class Machine:
    worker: Worker
    alive: bool
    attempts: list[Attempt] = field(default_factory=list)
    # Slots taken by runs of projects that the person is not in: counted, not named.
    hidden: int = 0

    @property
    def used(self) -> int:
        return len(self.attempts) + self.hidden


def overview(user: User) -> list[Machine]:
    """All workers, those that answer first; three queries whatever their number."""
    alive = set(Worker.objects.alive().values_list("pk", flat=True))
    machines = {worker.pk: Machine(worker, worker.pk in alive) for worker in Worker.objects.all()}
    for attempt in open_attempts(user):
        machine = machines[attempt.worker_id]
        if attempt.visible:
            machine.attempts.append(attempt)
        else:
            machine.hidden += 1
    return sorted(machines.values(), key=lambda machine: (not machine.alive, machine.worker.name))


def open_attempts(user: User) -> list[Attempt]:
    mine = Run.objects.visible_to(user).filter(pk=OuterRef("run_id"))
    rows = Attempt.objects.open().exclude(worker=None).select_related("run")
    return list(rows.annotate(visible=Exists(mine)).order_by("pk"))
