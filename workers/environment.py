"""What a training may see of the environment: nothing that opens the database or the broker.

A list of what is let through, not of what is held back: a new secret must not leak by default.
"""

from __future__ import annotations

import os

from workers.process import ROOT

LET_THROUGH = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "TMPDIR",
        "VIRTUAL_ENV",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "XDG_CACHE_HOME",
        "PYTHONDONTWRITEBYTECODE",
        "CUDA_VISIBLE_DEVICES",
        "CUDA_HOME",
        "CUDA_PATH",
    }
)
FAMILIES = ("NVIDIA_", "NCCL_", "TORCH_", "TRITON_", "PYTORCH_")


def clean() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in LET_THROUGH or name.startswith(FAMILIES)
    }
    return kept | {"PYTHONPATH": str(ROOT)}
