"""What a run was said to need is kept at its launch, and compared with what it has used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmhub.recipes import specs
from llmhub.recipes.estimate import Device, Estimate
from llmhub.runs import needs, probes
from llmhub.runs.models import Prediction, Run
from llmhub.runs.throughput import flops_per_token, model_key


def predict(run: Run, spec: specs.Spec, found: Estimate | None, device: Device | None) -> None:
    """As the launch page says it: by a probe where one was made, else by arithmetic."""
    if found is None or device is None:
        return
    said = needs.needs(spec, found, device)
    memory = needs.memory_of(found, probes.measured(run.project, spec, device), device)
    Prediction.objects.create(
        run=run,
        model_key=model_key(spec, found),
        parameters=found.parameters,
        processes=spec.runtime.processes,
        device_name=device.name,
        flops_per_token=flops_per_token(found),
        memory_bytes=memory.bytes,
        memory_is_measured=memory.is_measured,
        process_bytes=memory.process_bytes,
        tokens=found.total_tokens or None,
        tokens_per_second=said.speed.tokens_per_second,
        seconds=said.cost.seconds if said.cost else None,
        watts=said.watts,
        speed_source=said.speed.source,
        speed_runs=said.speed.runs,
    )


def compare(run: Run, used: Mapping[str, Any]) -> None:
    """Fills in what a run that is over has used; nothing where its trainer could not tell."""
    seconds, tokens = used.get("seconds") or 0, used.get("tokens") or 0
    if not run.is_over() or seconds <= 0:
        return
    Prediction.objects.filter(run=run).update(
        actual_memory_bytes=used.get("peak_bytes") or None,
        actual_seconds=seconds,
        actual_tokens=tokens,
        actual_tokens_per_second=tokens / seconds,
    )
