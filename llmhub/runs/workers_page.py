"""The workers as a person sees them: what each offers and works on, and whether it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

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
        return sum(attempt.width for attempt in self.attempts) + self.hidden


def overview(user: User) -> list[Machine]:
    """All workers, those that answer first; four queries whatever their number."""
    alive = set(Worker.objects.alive().values_list("pk", flat=True))
    machines = {worker.pk: Machine(worker, worker.pk in alive) for worker in Worker.objects.all()}
    visible = set(Run.objects.visible_to(user).filter(attempts__ended_at=None).values_list("pk"))
    for attempt in Attempt.objects.open().select_related("run").order_by("pk"):
        machine = machines.get(attempt.worker_id or 0)
        if machine is None:
            continue
        if (attempt.run_id,) in visible:
            machine.attempts.append(attempt)
        else:
            machine.hidden += attempt.width
    return sorted(machines.values(), key=lambda machine: (not machine.alive, machine.worker.name))
