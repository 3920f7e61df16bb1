"""The virtual environment in .venv with the pinned requirements; standard library only."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ops.errors import Refused

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CONSTRAINTS = ROOT / "constraints.txt"
FOR_ALL = ROOT / "requirements.txt"
FOR_DEVELOPERS = ROOT / "requirements-dev.txt"


def enter(for_developers: bool, arguments: Sequence[str]) -> None:
    """Returns inside the virtual environment; outside it goes there and starts over."""
    if sys.platform != "linux":
        raise Refused("llmhub runs on Linux; elsewhere use a virtual machine or a container.")
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    with _alone():
        _provide([FOR_ALL, FOR_DEVELOPERS] if for_developers else [FOR_ALL])
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), *arguments])


@contextmanager
def _alone() -> Iterator[None]:
    """Two commands typed at once must not both install."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _provide(requirements: Sequence[Path]) -> None:
    """Installs what the files ask for, at once, unless that was done. Then a stamp is left of
    each."""
    missing = [file for file in requirements if not _is_installed(file)]
    if not missing:
        return
    if not _is_sound():
        _make()
        missing = list(requirements)
    for file in missing:
        _stamp(file).unlink(missing_ok=True)
    _install(missing)
    for file in missing:
        _stamp(file).write_text(_fingerprint(file))
    _compile()


def _stamp(requirements: Path) -> Path:
    return VENV / f"{requirements.stem}.installed"


def _is_installed(requirements: Path) -> bool:
    stamp = _stamp(requirements)
    if not stamp.exists() or not PYTHON.exists():
        return False
    return stamp.read_text() == _fingerprint(requirements)


def _fingerprint(requirements: Path) -> str:
    digest = hashlib.sha256(repr((sys.version_info[:2], str(VENV))).encode())
    for file in (CONSTRAINTS, requirements):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _is_sound() -> bool:
    """Whether .venv was finished once and its Python still is what started us."""
    probe = "import pip, sys; print(sys.version_info[:2])"
    if not _stamp(FOR_ALL).exists() or not PYTHON.exists():
        return False
    found = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=False)
    return found.stdout.strip() == str(sys.version_info[:2])


def _make() -> None:
    if find_spec("ensurepip") is None or find_spec("venv") is None:
        raise Refused(
            "This Python cannot make virtual environments: install its venv package "
            "(on Debian and Ubuntu: apt install python3-venv)."
        )
    print("Making a virtual environment in .venv ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Refused(f"No virtual environment could be made: {last_line(done.stderr)}")


def _install(requirements: Sequence[Path]) -> None:
    names = ", ".join(file.name for file in requirements)
    print(f"Installing {names}; the first time takes some minutes ...", flush=True)
    log = VENV / "pip.log"
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--no-compile", "--constraint", str(CONSTRAINTS)]
    files = [word for file in requirements for word in ("--requirement", str(file))]
    with log.open("w") as output:
        done = subprocess.run([*command, *files], stdout=output, stderr=output, check=False)
    if done.returncode:
        full = "No space left on device" in log.read_text(errors="replace")
        advice = "make room on the disk" if full else "check the network"
        raise Refused(
            f"pip could not install {names}: {advice} and try again (pip's own words are in {log})."
        )


def _compile() -> None:
    """On all processors, and beside what comes next: Python reads what is not compiled yet as it
    is. A file that no Python can read is nobody's need."""
    everything = ["nice", str(PYTHON), "-m", "compileall", "-qq", "-j", "0", str(VENV / "lib")]
    subprocess.Popen(
        everything,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason was given"
