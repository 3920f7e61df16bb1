"""A whole hub as `make up` starts it, with data and a port of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Named so that nothing of the test session's own servers reaches the hub under test.
NOT_PASSED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "HUB_URL", "DJANGO_SETTINGS_MODULE")
SIGN_IN = re.compile(r"Sign in, once:\s+(\S+)")
START_SECONDS = 120
STOP_SECONDS = 90


@dataclass(frozen=True)
class RunningHub:
    url: str
    first_link: str
    environment: dict[str, str]

    def sign_in_link(self) -> str:
        """Another link for the first administrator."""
        return self.manage("sign_in_link").splitlines()[-1].strip()

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


@contextmanager
def running_hub(data: Path) -> Iterator[RunningHub]:
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED}
    environment |= {
        "HUB_DATA": str(data),
        "HUB_PORT": "0",
        "HUB_NODE": "test",
        "HUB_BOOTSTRAP": "0",
    }
    # A file and not a pipe, which would block the hub when nobody reads it.
    said = data.with_name(f"{data.name}.log")
    with said.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ops", "up"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        link = first_link(process, said)
        await_demo_data(data)
        url = link.partition("/welcome/")[0]
        port = url.rpartition(":")[2]
        yield RunningHub(url, link, environment | {"HUB_PORT": port})
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def await_demo_data(data: Path) -> None:
    """The worker reads them right after the start, before a person could have signed in."""
    give_up = time.monotonic() + START_SECONDS
    while not (len([*data.glob("files/datasets/*/*")]) == 5 and not [*data.glob("imports/*")]):
        assert time.monotonic() < give_up, "The demo data were not registered."
        time.sleep(0.1)


def first_link(process: subprocess.Popen[bytes], said: Path) -> str:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        found = SIGN_IN.search(said.read_text())
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(f"The hub did not start:\n{said.read_text()}")
