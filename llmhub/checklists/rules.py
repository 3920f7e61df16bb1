"""Which runs are big, so that somebody has to sign before they start."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from pydantic import ValidationError

from llmhub.checklists import templates
from llmhub.recipes import specs
from llmhub.recipes.estimate import Device, Estimate
from llmhub.runs import launch, needs
from llmhub.runs.models import Prediction, Worker

if TYPE_CHECKING:
    from llmhub.checklists.models import LaunchRule
    from llmhub.runs.models import Run

SECONDS = 3_600


@dataclass(frozen=True)
class Size:
    """None where nobody can know. A processor has no GPU-hours."""

    parameters: int | None
    gpu_hours: float | None


def is_big(run: Run) -> bool:
    return exceeds(size_of(run), templates.rule(run.project))


def exceeds(size: Size, rule: LaunchRule) -> bool:
    """What nobody can tell the size of counts as big: a gate must not stand open for that."""
    return any(
        limit is not None and (value is None or value > limit)
        for value, limit in (
            (size.parameters, rule.parameters),
            (size.gpu_hours, rule.gpu_hours),
        )
    )


def size_of(run: Run) -> Size:
    """As it was predicted when it was planned, else by arithmetic now."""
    said = Prediction.objects.filter(run=run).first()
    if said is None:
        return estimated(run)
    is_on_gpu = kind_of(said.device_name) != "cpu"
    return Size(said.parameters, hours(said.seconds, said.processes) if is_on_gpu else 0.0)


def estimated(run: Run) -> Size:
    try:
        spec = specs.stored(run.config)
    except ValidationError:
        return Size(None, None)
    device = launch.device_at_hand()
    rows = launch.rows_of(run.data) if run.data else None
    found = needs.estimate_of(spec, device, run.project, rows)
    parameters = found.parameters if found else None
    if device is None or device.kind == "cpu":
        # Without a worker nobody knows on what: it is asked again when one takes the run.
        return Size(parameters, 0.0)
    return Size(parameters, planned_hours(spec, found, device))


def planned_hours(spec: specs.Spec, found: Estimate | None, device: Device) -> float | None:
    if found is None:
        return None
    cost = needs.needs(spec, found, device).cost
    return hours(cost.seconds if cost else None, spec.runtime.processes)


def hours(seconds: float | None, processes: int) -> float | None:
    return None if seconds is None else seconds * processes / SECONDS


def kind_of(device_name: str) -> str:
    """Of a device that a worker has or had; empty for one that none is known to have."""
    devices = chain.from_iterable(Worker.objects.values_list("devices", flat=True))
    kinds = {device["kind"] for device in devices if device["name"] == device_name}
    return "cpu" if kinds == {"cpu"} else next(iter(kinds - {"cpu"}), "")
