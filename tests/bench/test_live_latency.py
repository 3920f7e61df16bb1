"""`make bench-live`."""

import os
import subprocess
import sys

import pytest

from tests import servers


@pytest.mark.bench
def test_a_logged_point_is_drawn_as_soon_as_the_hub_promises():
    # The servers of this session are enough; they are not the script's to stop.
    environment = {key: value for key, value in os.environ.items() if key != servers.SESSION}
    command = [sys.executable, "-m", "tests.bench.live_latency"]
    assert subprocess.run(command, env=environment, check=False).returncode == 0
