"""What is known of devices by their name: the most they compute, and what they draw.

Dense figures of the makers' data sheets, without sparsity: operations per second in 16 bits (bf16;
fp16 where there is no bf16) and for matrix products of 32-bit numbers as our trainer runs them
(TF32 where there is such a thing), and the board's power limit in watts. NVIDIA's sheets give most
figures with sparsity, which are twice as large; those of GeForce cards are in the architectures'
white papers, with accumulation in 32 bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    bf16: float
    fp32: float
    watts: int


# The first name that a device's own name contains as a word.
_KNOWN = {
    "MI300X": Known(1307e12, 654e12, 750),
    "H200": Known(989e12, 494e12, 700),
    "H100 PCIe": Known(756e12, 378e12, 350),
    "H100": Known(989e12, 494e12, 700),
    "B200": Known(2250e12, 1120e12, 1000),
    "A100": Known(312e12, 156e12, 400),
    "L40S": Known(362e12, 183e12, 350),
    "L40": Known(181e12, 90e12, 300),
    "L4": Known(121e12, 60e12, 72),
    "A10G": Known(70e12, 35e12, 300),
    "A10": Known(125e12, 62.5e12, 150),
    "A6000": Known(155e12, 77e12, 300),
    "RTX 4090": Known(165e12, 82.6e12, 450),
    "RTX 3090": Known(71e12, 35.6e12, 350),
    "V100": Known(125e12, 15.7e12, 300),
    "T4": Known(65e12, 8.1e12, 70),
}


def known(device_name: str) -> Known | None:
    """An RTX A1000 is no A10, and no T400 a T4."""
    for name, found in _KNOWN.items():
        if re.search(rf"\b{name}\b", device_name):
            return found
    return None


def peak_flops(device_name: str, precision: str) -> float | None:
    """Operations per second of one device; None where its name says nothing."""
    found = known(device_name)
    if found is None:
        return None
    return found.bf16 if precision == "bf16" else found.fp32


def peaks() -> dict[str, float]:
    """Operations per second in 16 bits, by the name of each device that is known."""
    return {name: found.bf16 for name, found in _KNOWN.items()}
