"""What to change in a spec so that it fits a device: the gentlest change first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from llmhub.recipes import specs
from llmhub.recipes.alignment_estimate import alignment_estimate
from llmhub.recipes.estimate import Device, Estimate, estimate
from llmhub.recipes.shapes import Shape
from llmhub.recipes.specs import PretrainSpec, Spec

ADAPTERS = 16  # rank
MICRO_BATCH = "training.micro_batch_size"


@dataclass(frozen=True)
class Fit:
    """Values by dotted name that together would fit, and what that takes."""

    changes: dict[str, Any]
    memory_bytes: int


def what_would_fit(
    spec: Spec, device: Device, shape: Shape | None, usable_bytes: float
) -> Fit | None:
    """None where nothing of the kind would do: then the model is too large for the device."""

    def needed(changes: dict[str, Any]) -> int | None:
        found = _estimate_of(spec, changes, device, shape)
        fits = found is not None and found.memory_bytes <= usable_bytes
        return found.memory_bytes if found and fits else None

    tried: dict[str, Any] = {}
    for change in _gentlest_first(spec):
        tried |= change
        if needed(tried) is not None:
            least = _without_needless(spec, tried, needed)
            return Fit(least, needed(least) or 0)
    return None


def _without_needless(
    spec: Spec, changes: dict[str, Any], needed: Callable[[dict[str, Any]], int | None]
) -> dict[str, Any]:
    """What came first may not be necessary any more, or not to that extent."""
    for name in list(changes):
        fewer = {key: value for key, value in changes.items() if key != name}
        if fewer and needed(fewer) is not None:
            changes = fewer
    while MICRO_BATCH in changes:
        larger = changes | {MICRO_BATCH: 2 * changes[MICRO_BATCH]}
        if larger[MICRO_BATCH] >= spec.training.micro_batch_size or needed(larger) is None:
            break
        changes = larger
    return changes


def _estimate_of(
    spec: Spec, changes: dict[str, Any], device: Device, shape: Shape | None
) -> Estimate | None:
    try:
        changed = specs.override(spec, changes)
    except ValidationError:
        return None
    if isinstance(changed, PretrainSpec):
        return estimate(changed, device)
    return alignment_estimate(changed, shape, device) if shape else None


def _gentlest_first(spec: Spec) -> Iterator[dict[str, Any]]:
    """Each on top of those before it. The batch stays the same: a smaller micro-batch is made up
    for by more of them."""
    micro = spec.training.micro_batch_size
    while micro > 1:
        micro //= 2
        yield {MICRO_BATCH: micro}
    if spec.runtime.precision != "bf16":
        yield {"runtime.precision": "bf16"}
    if not spec.runtime.activation_checkpointing:
        yield {"runtime.activation_checkpointing": True}
    if not isinstance(spec, PretrainSpec) and not spec.lora.rank:
        yield {"lora.rank": ADAPTERS}
    yield from _shorter(spec)


def _shorter(spec: Spec) -> Iterator[dict[str, Any]]:
    """Shorter sequences: the last resort, since rows are cut."""
    name = "max_seq_length"
    length = getattr(spec.training, name, None)
    if length is None:
        return
    while length > 256:
        length //= 2
        prompt = getattr(spec.training, "max_prompt_length", None)
        halved: dict[str, Any] = {f"training.{name}": length}
        if prompt:
            halved["training.max_prompt_length"] = min(prompt, length // 2)
        yield halved
