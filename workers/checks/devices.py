"""A test of this machine's devices: `python -m workers.checks.devices <folder>`.

Each multiplies matrices, and what comes out is compared with the same on the processor in 64 bits;
each gives back what was written into its memory. Several GPUs add up numbers of theirs.
"""

from __future__ import annotations

import math
from typing import Any

from workers.data.progress import Progress
from workers.work import Work, run

SIZE = 1_024
# Of what is free, what is written and read: a training may work beside us.
MEMORY_SHARE = 0.25
MOST_BYTES = 4 * 2**30
SLICE_BYTES = 64 * 2**20
# Of a product in fp32, TF32 and bf16, relative to its size.
TOLERANCE = {"fp32": 1e-5, "tf32": 5e-3, "bf16": 2e-2}
# What JSON takes for infinity.
BEYOND = 1e9
# Not of one bit, and not of one byte alone.
PATTERNS = (0x00, 0xFF, 0x55, 0xAA)


def tested(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = [torch.device("cuda", index) for index in range(count)] or [torch.device("cpu")]
    found = []
    for place, device in enumerate(devices):
        progress("testing", place, len(devices))
        found.append(one(device))
    together = all_reduce(devices) if len(devices) > 1 else {}
    return {"devices": found, "together": together, "torch": torch.__version__}


def one(device: Any) -> dict[str, Any]:
    products = {kind: error_of(device, kind) for kind in kinds_of(device)}
    wrong = [
        f"{kind}: products differ by {error:.3g}"
        for kind, error in products.items()
        if error > TOLERANCE[kind]
    ]
    size, damaged = memory(device)
    if damaged:
        wrong.append(f"{damaged} of {size} bytes came back otherwise")
    return {
        "name": name_of(device),
        "products": products,
        "bytes": size,
        "damaged": damaged,
        "wrong": wrong,
    }


def name_of(device: Any) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def kinds_of(device: Any) -> list[str]:
    return ["fp32", "tf32", "bf16"] if device.type == "cuda" else ["fp32", "bf16"]


def error_of(device: Any, kind: str) -> float:
    """The largest error, relative to the largest number; beyond all measure where one is none."""
    import torch

    draw = torch.Generator().manual_seed(1)
    left, right = (torch.randn(SIZE, SIZE, generator=draw) for _ in range(2))
    dtype = torch.bfloat16 if kind == "bf16" else torch.float32
    left, right = left.to(dtype), right.to(dtype)
    torch.set_float32_matmul_precision("high" if kind == "tf32" else "highest")
    product = multiplied(left.to(device), right.to(device)).to("cpu").double()
    wanted = left.double() @ right.double()
    error = float((product - wanted).abs().max() / wanted.abs().max())
    return error if math.isfinite(error) else BEYOND


def multiplied(left: Any, right: Any) -> Any:
    return left @ right


def memory(device: Any) -> tuple[int, int]:
    """How many bytes were written, and how many of them came back otherwise."""
    import torch

    size = size_for(device)
    slices = [
        torch.empty(SLICE_BYTES, dtype=torch.uint8, device=device)
        for _ in range(size // SLICE_BYTES)
    ]
    damaged = 0
    for pattern in PATTERNS:
        for place, part in enumerate(slices):
            part.fill_(pattern ^ (place & 0xFF))
        damaged += sum(
            int((part != pattern ^ (place & 0xFF)).sum()) for place, part in enumerate(slices)
        )
    return SLICE_BYTES * len(slices), damaged


def size_for(device: Any) -> int:
    import torch

    if device.type != "cuda":
        return SLICE_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return int(max(SLICE_BYTES, min(MOST_BYTES, MEMORY_SHARE * free)))


def all_reduce(devices: list[Any]) -> dict[str, Any]:
    """The sum of what all GPUs hold, on each of them, by the way that a training takes."""
    import torch
    from torch.cuda import nccl

    parts = [torch.full((SIZE,), float(index + 1), device=d) for index, d in enumerate(devices)]
    nccl.all_reduce(parts)
    wanted = sum(range(1, len(devices) + 1))
    wrong = [
        f"{device}: sums differ"
        for device, part in zip(devices, parts, strict=True)
        if not bool((part == wanted).all())
    ]
    return {"devices": len(devices), "wrong": wrong}


def chosen(values: dict[str, Any]) -> Work:
    return tested


if __name__ == "__main__":
    run(chosen)
