import subprocess
import sys

import pytest


@pytest.fixture
def in_another_process():
    """Runs Python code in a process of its own and returns what it printed."""

    def run(code):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    return run
