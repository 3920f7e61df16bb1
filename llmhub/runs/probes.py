"""What a spec needs in memory, measured by a worker: the same need is measured once.

The web process has no torch, so a worker builds the model without its weights and adds up the
bytes. Nothing waits for that: the page shows the arithmetic and learns of the probe later.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from llmhub.jobs import outbox
from llmhub.jobs.live import publish
from llmhub.recipes import specs
from llmhub.recipes.estimate import Device, micro_batches_per_step
from llmhub.recipes.specs import Data, PretrainSpec, Runtime, change
from llmhub.runs.live import probe_topic
from llmhub.runs.models import Probe, Worker

TASK = "workers.tasks.probe"
# After this time without an answer a probe is asked for again when someone wants it.
ASK_AGAIN = timedelta(minutes=1)


def essence(spec: PretrainSpec) -> PretrainSpec:
    """The spec without what changes no byte, so that another learning rate is no new probe."""
    training, runtime = spec.training, spec.runtime
    # From the second micro-batch on gradients are held while activations grow.
    micro_batches = min(2, micro_batches_per_step(training, spec.model.context_length))
    return change(
        spec,
        training=change(
            training,
            batch_size=training.micro_batch_size * micro_batches,
            global_batch_size=None,
            gradient_accumulation_steps="auto",
            learning_rate=1e-3,
            min_lr=0.0,
            warmup_steps=0,
            max_steps=1,
            seed=0,
        ),
        data=Data(),
        runtime=Runtime(
            precision=runtime.precision,
            activation_checkpointing=runtime.activation_checkpointing,
        ),
    )


def digest(spec: PretrainSpec, device: Device | None) -> str:
    """Another kind of device has other kernels, which keep other tensors."""
    wanted = {"spec": specs.digest(essence(spec)), "device": kind_of(device)}
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def kind_of(device: Device | None) -> str:
    return device.kind if device else ""


def known(spec: PretrainSpec, device: Device | None) -> Probe | None:
    """The probe of a spec if it was ever asked for; asks for nothing."""
    return Probe.objects.filter(spec_hash=digest(spec, device)).first()


@transaction.atomic
def request(spec: PretrainSpec, device: Device | None) -> Probe:
    """The probe of a spec; sent to a worker unless it is done or on its way."""
    probe, is_new = Probe.objects.get_or_create(
        spec_hash=digest(spec, device),
        defaults={"spec": specs.dump(essence(spec)), "device_kind": kind_of(device)},
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
