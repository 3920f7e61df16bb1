"""`python3 -m ops manage COMMAND ...`: a command of the hub, in its virtual environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ops.config import ROOT


def main(arguments: Sequence[str]) -> int:
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "manage.py", *arguments])
