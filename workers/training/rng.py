"""The state of every random generator that training draws from, to be saved and restored."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def seed(value: int) -> None:
    random.seed(value)
    np.random.seed(value)
    torch.manual_seed(value)


def state() -> dict[str, Any]:
    """Plain values and tensors only, which torch loads without running code."""
    version, python, gauss = random.getstate()
    numpy: Any = np.random.get_state()
    _, keys, *rest = numpy
    return {
        "python": [version, list(python), gauss],
        "numpy": [torch.from_numpy(keys.astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
    }


def restore(saved: dict[str, Any]) -> None:
    version, python, gauss = saved["python"]
    random.setstate((version, tuple(python), gauss))
    keys, *rest = saved["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(saved["torch"])
    # Another number of devices: their dropout is not the same either.
    if len(saved["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(saved["cuda"])
