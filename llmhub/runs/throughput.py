"""How fast a run will be: as runs were that are over, else a guess; which of these is always said.

Of the same model on the same device first; else any run on that device, by its operations.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from llmhub.recipes import specs
from llmhub.recipes.cost import guessed_flops
from llmhub.recipes.estimate import Device, Estimate
from llmhub.runs.models import Prediction
from llmhub.runs.states import State

# Of the runs of a kind, the newest so many say how fast it is.
REMEMBERED = 5


class Source(models.TextChoices):
    MEASURED = "measured", _("measured in runs of this model on this device")
    SCALED = "scaled", _("scaled from other runs on this device")
    GUESS = "guess", _("a guess: nothing has run on this device yet")


@dataclass(frozen=True)
class Speed:
    # Of all processes together, without padding.
    tokens_per_second: float
    source: Source
    runs: int = 0
    # Tokens that there were, by those of rows that are all as long as they may be.
    fill: float = 1.0


def speed_of(spec: specs.Spec, found: Estimate, device: Device) -> Speed:
    over = Prediction.objects.filter(
        device_name=device.name, actual_tokens_per_second__gt=0
    ).order_by("-pk")
    same = list(over.filter(model_key=model_key(spec, found))[:REMEMBERED])
    if same:
        return measured(same)
    per_token, at_once = flops_per_token(found), speedup(spec.runtime.processes, device)
    others = [
        (one.actual_tokens_per_second or 0.0)
        * (one.flops_per_token or 0)
        / speedup(one.processes, device)
        for one in over.filter(flops_per_token__gt=0)[:REMEMBERED]
    ]
    if others:
        rate = statistics.median(others) * at_once / per_token
        return Speed(rate, Source.SCALED, len(others))
    guessed = guessed_flops(device.kind, device.name, spec.runtime.precision, device.cores)
    return Speed(guessed * at_once / per_token, Source.GUESS)


def measured(same: list[Prediction]) -> Speed:
    """A run that ended early says how fast it was, and nothing of how long all of it takes."""
    rates = [one.actual_tokens_per_second or 0.0 for one in same]
    whole = Prediction.objects.filter(pk__in=[one.pk for one in same], run__state=State.SUCCEEDED)
    fills = [one.actual_tokens / one.tokens for one in whole if one.tokens and one.actual_tokens]
    fill = statistics.median(fills) if fills else 1.0
    return Speed(statistics.median(rates), Source.MEASURED, len(rates), fill)


def speedup(processes: int, device: Device) -> int:
    """Each process has an accelerator of its own; on a processor they share the cores."""
    return 1 if device.kind == "cpu" else processes


def flops_per_token(found: Estimate) -> int:
    """Where no step is known, as of one that all weights learn from."""
    if found.total_tokens:
        return max(1, found.flops // found.total_tokens)
    return 6 * found.parameters


def model_key(spec: specs.Spec, found: Estimate) -> str:
    """Equal for runs that compute the same in the same way, whatever they learn from."""
    runtime = spec.runtime
    facts = [
        spec.objective,
        found.parameters,
        found.learning,
        found.context_length,
        spec.training.micro_batch_size,
        runtime.precision,
        runtime.activation_checkpointing,
        runtime.compile,
        runtime.processes,
        runtime.strategy if runtime.processes > 1 else "",
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
