"""`make bench-…`: measurements of tests/bench, which print what they find."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from ops.config import ROOT
from ops.errors import Refused

# What each target measures, one after the other.
BENCHES = {
    "train": ("train_speed",),
    "metrics": (
        "metrics_storage",
        "client_speed",
        "runs_table",
        "live_latency",
        "compare_page",
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Arguments after the name go to a measurement that stands alone."""
    name, *rest = arguments or ("",)
    if name not in BENCHES:
        raise Refused(f"Name one of these: {', '.join(BENCHES)}.")
    codes = []
    for bench in BENCHES[name]:
        print(f"\n== {bench}", flush=True)
        command = [sys.executable, "-m", f"tests.bench.{bench}"]
        codes.append(subprocess.run([*command, *rest], cwd=ROOT, check=False).returncode)
    return max(codes)
