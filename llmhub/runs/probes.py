"""What a spec needs in memory, measured by a worker: the same need is measured once.

The web process has no torch, so a worker builds the model without its weights and adds up the
bytes. Nothing waits for that: the page shows the arithmetic and learns of the probe later.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from llmhub.jobs import outbox
from llmhub.jobs.live import publish
from llmhub.recipes import specs
from llmhub.recipes.estimate import Device, micro_batches_per_step
from llmhub.recipes.shapes import Shape
from llmhub.recipes.specs import (
    Data,
    Examples,
    PPOTraining,
    PretrainSpec,
    PretrainTraining,
    Runtime,
    Samples,
    change,
)
from llmhub.runs import needs
from llmhub.runs.live import probe_topic
from llmhub.runs.models import Probe, Worker

if TYPE_CHECKING:
    from llmhub.accounts.models import Project
    from llmhub.runs.launch import Plan

TASK = "workers.tasks.probe"
# After this time without an answer a probe is asked for again when someone wants it.
ASK_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Needed:
    """A spec, and the shape of the model that it starts from."""

    spec: specs.Spec
    shape: Shape | None

    def as_json(self) -> dict[str, Any]:
        shape = self.shape
        told = (
            {"model": shape.model.model_dump(mode="json"), "is_tied": shape.is_tied}
            if shape
            else None
        )
        return {"spec": specs.dump(essence(self.spec)), "shape": told}


def needed(plan: Plan, project: Project) -> Needed | None:
    """None where nobody knows the base model's shape."""
    spec = plan.spec
    if isinstance(spec, PretrainSpec):
        return Needed(spec, None)
    shape = needs.shape_of(project, spec.model.base_model)
    return Needed(spec, shape) if shape else None


def essence(spec: specs.Spec) -> specs.Spec:
    """The spec without what changes no byte, so that another learning rate is no new probe."""
    runtime = Runtime(
        precision=spec.runtime.precision,
        activation_checkpointing=spec.runtime.activation_checkpointing,
        processes=spec.runtime.processes,
    )
    plain = {"learning_rate": 1e-3, "min_lr": 0.0, "warmup_steps": 0, "warmup_ratio": 0.0}
    plain |= {"seed": 0, "max_steps": 1, **batch_of(spec)}
    same = {"runtime": runtime, "samples": Samples(), "training": change(spec.training, **plain)}
    if isinstance(spec, PretrainSpec):
        return change(spec, data=Data(), **same)
    return change(spec, data=Examples(), model=nameless(spec), **same)


def batch_of(spec: specs.Spec) -> dict[str, Any]:
    """From the second micro-batch on gradients are held while activations grow."""
    training, processes = spec.training, spec.runtime.processes
    if isinstance(training, PretrainTraining):
        assert isinstance(spec, PretrainSpec)
        count = min(2, micro_batches_per_step(training, spec.model.context_length, processes))
        return {
            "batch_size": training.micro_batch_size * processes * count,
            "global_batch_size": None,
            "gradient_accumulation_steps": "auto",
        }
    at_once = training.micro_batch_size * processes
    if isinstance(training, PPOTraining):
        size = at_once * min(2, training.mini_batch_size // at_once)
        return {"batch_size": size, "mini_batch_size": size, "epochs": 1, "ppo_epochs": 1}
    return {"batch_size": at_once * min(2, training.batch_size // at_once), "epochs": 1}


def nameless(spec: specs.AlignmentSpec) -> specs.Base:
    """The shape says what the model is."""
    return change(spec.model, **dict.fromkeys(type(spec.model).model_fields, "-"))


def digest(needed: Needed, device: Device | None) -> str:
    """Another kind of device has other kernels, which keep other tensors."""
    wanted = {**needed.as_json(), "device": kind_of(device)}
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def kind_of(device: Device | None) -> str:
    return device.kind if device else ""


def known(needed: Needed, device: Device | None) -> Probe | None:
    """The probe of a spec if it was ever asked for; asks for nothing."""
    return Probe.objects.filter(spec_hash=digest(needed, device)).first()


@transaction.atomic
def request(needed: Needed, device: Device | None) -> Probe:
    """The probe of a spec; sent to a worker unless it is done or on its way."""
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
