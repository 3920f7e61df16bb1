"""What this machine offers to trainings. Asks the system, never torch."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from workers.process import ROOT

CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
CPU_INFO = Path("/proc/cpuinfo")
REPORTED = ("torch", "transformers", "tokenizers")
SMI = ("nvidia-smi", "--query-gpu=uuid,name,memory.total", "--format=csv,noheader,nounits")
SMI_SECONDS = 15
GIT_SECONDS = 5
# What nvidia-smi returns where there is a driver, but no GPU.
NOTHING_FOUND = 6
HIDES_ALL = frozenset({"", "-1"})
CORES_PER_SLOT = 2


class NoAnswer(Exception):
    """There may be GPUs, but just now the system does not tell."""


def devices() -> list[dict[str, Any]]:
    return gpus() or [{"kind": "cpu", "name": cpu_name(), "memory_bytes": memory_bytes()}]


def gpus() -> list[dict[str, Any]]:
    if os.environ.get("CUDA_VISIBLE_DEVICES") in HIDES_ALL:
        return []
    found = [gpu(line) for line in smi().splitlines() if line.count(",") >= 2]
    return [device for device in found if is_visible(device["uuid"], found)]


def smi() -> str:
    """What nvidia-smi says. Only a machine without that program has no GPU for certain."""
    try:
        answer = subprocess.run(
            SMI, capture_output=True, text=True, timeout=SMI_SECONDS, check=False
        )
    except FileNotFoundError:
        return ""
    except (OSError, subprocess.SubprocessError) as error:
        raise NoAnswer(str(error)) from error
    if answer.returncode not in {0, NOTHING_FOUND}:
        raise NoAnswer(f"exit code {answer.returncode}: {answer.stdout}{answer.stderr}".strip())
    return answer.stdout


def gpu(line: str) -> dict[str, Any]:
    uuid, name, mebibytes = (part.strip() for part in line.split(",", 2))
    memory = int(mebibytes) * 2**20 if mebibytes.isdigit() else 0
    return {"kind": "cuda", "name": name, "memory_bytes": memory, "uuid": uuid}


def is_visible(uuid: str, found: list[dict[str, Any]]) -> bool:
    """Whether this process may use the GPU: an operator can keep some for other work."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return True
    names = [name.strip() for name in allowed.split(",")]
    index = [device["uuid"] for device in found].index(uuid) if found else 0
    return str(index) in names or uuid in names


def slots(offered: list[dict[str, Any]]) -> int:
    """Trainings at once: one a GPU, or one for every two cores."""
    on_gpus = sum(device["kind"] == "cuda" for device in offered)
    return on_gpus or max(1, cpu_count() // CORES_PER_SLOT)


def cpu_count() -> int:
    return len(os.sched_getaffinity(0))


def cpu_name() -> str:
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.machine()


def memory_bytes() -> int:
    """Of the machine, or what a container may use of it."""
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(installed, int(CGROUP_MEMORY.read_text()))
    except (OSError, ValueError):
        return installed


def disk_free_bytes(place: Path) -> int:
    return shutil.disk_usage(place).free


def versions() -> dict[str, str]:
    """Read from the installed packages: importing torch here would cost seconds and forks."""
    found = {"python": platform.python_version()}
    for package in REPORTED:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found | ({"llmhub": code} if (code := commit()) else {})


def commit() -> str:
    """Of this code, and a plus where somebody has changed it since; empty without git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
