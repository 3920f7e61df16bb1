"""`make bench-train`: a measurement of tests/bench, which prints what it finds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from ops.config import ROOT


def main(arguments: Sequence[str]) -> int:
    command = [sys.executable, "-m", "tests.bench.train_speed", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode
