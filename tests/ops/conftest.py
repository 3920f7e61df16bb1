"""Start-ups as a person types them: `python -m ops up` with folders and ports of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from ops.config import ROOT

Up = Callable[..., subprocess.CompletedProcess[str]]
OURS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE")


@pytest.fixture
def refused(tmp_path) -> Callable[..., str]:
    """Tries to start a hub that cannot start; returns the line that it says on its error output."""

    def start(**environment: object) -> str:
        inherited = {name: value for name, value in os.environ.items() if name not in OURS}
        own = {"HUB_BOOTSTRAP": "0", "HUB_DATA": tmp_path / "hub", "HUB_PORT": 0, **environment}
        done = subprocess.run(
            [sys.executable, "-m", "ops", "up"],
            cwd=ROOT,
            env=inherited | {name: str(value) for name, value in own.items()},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        (line,) = done.stderr.splitlines()
        return line

    return start
