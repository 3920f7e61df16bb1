"""What a spec needs in memory, measured by a worker: the same need is measured once.

The web process has no torch, so a worker builds the model without its weights and adds up the
bytes. Nothing waits for that: the page shows the arithmetic and learns of the probe later.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from llmhub.jobs import outbox
from llmhub.jobs.live import publish
from llmhub.recipes.estimate import Device
from llmhub.recipes.needed import Needed, digest, kind_of, precomputed
from llmhub.recipes.specs import PretrainSpec, Spec
from llmhub.runs import needs
from llmhub.runs.live import probe_topic
from llmhub.runs.models import Probe, Worker

if TYPE_CHECKING:
    from llmhub.accounts.models import Project

TASK = "workers.tasks.probe"
# After this time without an answer a probe is asked for again when someone wants it.
ASK_AGAIN = timedelta(minutes=1)


def needed(spec: Spec, project: Project) -> Needed | None:
    """None where nobody knows the base model's shape."""
    if isinstance(spec, PretrainSpec):
        return Needed(spec, None)
    shape = needs.shape_of(project, spec.model.base_model)
    return Needed(spec, shape) if shape else None


def measured(project: Project, spec: Spec, device: Device | None) -> dict[str, Any] | None:
    """What a probe has found, where one was ever made."""
    wanted = needed(spec, project)
    probe = known(wanted, device) if wanted else None
    return probe.result if probe and probe.state == Probe.State.DONE else None


def known(needed: Needed, device: Device | None) -> Probe | None:
    """The probe of a spec if it was ever asked for, or came with the hub; asks for nothing."""
    made = Probe.objects.filter(spec_hash=digest(needed, device)).first()
    return made or brought(needed, device)


def brought(needed: Needed, device: Device | None) -> Probe | None:
    """What came with the hub, as if a worker had measured it."""
    result = precomputed(needed, device)
    if result is None:
        return None
    return Probe(spec_hash=digest(needed, device), state=Probe.State.DONE, result=result)


@transaction.atomic
def request(needed: Needed, device: Device | None) -> Probe:
    """The probe of a spec; sent to a worker unless it is done or on its way."""
    if kept := brought(needed, device):
        return kept
    probe, is_new = Probe.objects.get_or_create(
        spec_hash=digest(needed, device),
        defaults={"spec": needed.as_json(), "device_kind": kind_of(device)},
    )
    if is_new or ask_again(probe):
        outbox.enqueue(TASK, [probe.pk], queue_of(probe))
    return probe


def queue_of(probe: Probe) -> str:
    """Of a machine that has such a device; any machine where none is at hand."""
    offering = Worker.objects.alive().filter(devices__contains=[{"kind": probe.device_kind}])
    worker = offering.order_by("-last_seen_at").first()
    return f"node.{worker.name}" if worker else "runs"


def ask_again(probe: Probe) -> bool:
    """Whether this call is the one that renews a request that failed or was forgotten."""
    now = timezone.now()
    stale = Probe.objects.filter(~Q(state=Probe.State.DONE), requested_at__lt=now - ASK_AGAIN)
    renewed = stale.filter(pk=probe.pk).update(
        state=Probe.State.PENDING, requested_at=now, finished_at=None
    )
    probe.refresh_from_db()
    return bool(renewed)


def finish(probe_id: int, result: dict[str, Any] | None = None, error: str = "") -> None:
    """Keeps what a worker measured, or why it could not, and tells the pages that wait."""
    state = Probe.State.FAILED if result is None else Probe.State.DONE
    found = Probe.objects.filter(pk=probe_id)
    found.update(
        state=state,
        result={"error": error} if result is None else result,
        finished_at=timezone.now(),
    )
    for probe in found:
        message = {"type": "probe", "hash": probe.spec_hash, "state": state, "result": probe.result}
        publish(probe_topic(probe.spec_hash), message)
