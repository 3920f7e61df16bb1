"""Devices that a budget may be hours of: as this project's runs have used them, and as their makers
say."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from llmhub.lib import devices as data_sheets
from llmhub.recipes.cost import GUESSED_UTILISATION
from llmhub.recipes.templatetags.recipes import power
from llmhub.runs.models import Prediction
from llmhub.runs.throughput import REMEMBERED

if TYPE_CHECKING:
    from llmhub.accounts.models import Project

MEASURED = "measured:"


@dataclass(frozen=True)
class Device:
    key: str
    name: str
    # Operations per second: the most that the maker states, or what runs have reached.
    flops: float
    is_measured: bool

    def __str__(self) -> str:
        words = _("%(name)s, measured %(flops)s/s") if self.is_measured else "%(name)s, %(flops)s/s"
        return words % {"name": self.name, "flops": power(self.flops)}

    def rate(self, percent: float | None) -> float:
        """What runs have reached holds whatever the utilisation."""
        if self.is_measured:
            return self.flops
        return self.flops * (GUESSED_UTILISATION if percent is None else percent / 100)


def offered(project: Project) -> list[Device]:
    return [*measured(project), *stated()]


def stated() -> Iterable[Device]:
    """In 16 bits."""
    return [Device(name, name, peak, False) for name, peak in data_sheets.peaks().items()]


def measured(project: Project) -> list[Device]:
    """Per device of a run: the median of the newest ones."""
    over = Prediction.objects.filter(
        run__project=project, actual_tokens_per_second__gt=0, flops_per_token__gt=0
    ).exclude(device_name="")
    rates: dict[str, list[float]] = {}
    for one in over.order_by("-pk")[:200]:
        rate = (one.actual_tokens_per_second or 0) * (one.flops_per_token or 0) / one.processes
        rates.setdefault(one.device_name, []).append(rate)
    return [
        Device(f"{MEASURED}{name}", name, statistics.median(those[:REMEMBERED]), True)
        for name, those in sorted(rates.items())
    ]
