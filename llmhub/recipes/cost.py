"""Time, energy and CO2 of a training, from its operations and how fast they are done.

    seconds    = tokens / tokens per second
    watt-hours = watts of all devices x PUE x hours
    grams      = watt-hours / 1000 x grams of CO2 per kilowatt-hour of the grid

PUE (power usage effectiveness) is what the whole building draws for each watt of its computers.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmhub.lib.devices import known, peak_flops

# Without a measurement: the share of a GPU's peak that transformers usually reach.
GUESSED_UTILISATION = 0.35
# Of one core of a processor in fp32, as our trainer uses it: the order of magnitude.
GUESSED_CORE_FLOPS = 2e10
WATTS_OF_GPU = 300
WATTS_OF_CORE = 8


@dataclass(frozen=True)
class Power:
    """Where the computers stand."""

    pue: float
    grid_g_per_kwh: float
    watts: float | None = None  # of one device, where its maker's figure is not meant


@dataclass(frozen=True)
class Cost:
    seconds: float
    watt_hours: float
    co2_grams: float


def cost(seconds: float, watts: float, power: Power) -> Cost:
    """`watts` of all devices together."""
    watt_hours = watts * power.pue * seconds / 3600
    return Cost(seconds, watt_hours, watt_hours / 1000 * power.grid_g_per_kwh)


def guessed_flops(kind: str, name: str, precision: str, cores: int) -> float:
    """Operations per second that a device may reach."""
    if kind == "cpu":
        return GUESSED_CORE_FLOPS * cores
    return GUESSED_UTILISATION * (peak_flops(name, precision) or 1e14)


def watts_of(kind: str, name: str, cores: int, power: Power) -> float:
    if power.watts is not None:
        return power.watts
    if kind == "cpu":
        return WATTS_OF_CORE * cores
    found = known(name)
    return found.watts if found else WATTS_OF_GPU
