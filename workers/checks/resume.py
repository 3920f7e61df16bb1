"""The drill of a crash: `python -m workers.checks.resume <folder>`.

A training goes to its end; the same one is killed with SIGKILL after a checkpoint, goes on from
that in another process, and must end with the same weights and the same optimizer, to the bit.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from llmhub.lib.problems import Problem
from llmhub.lib.rundir import write_json
from workers.checks.trained import STOOD
from workers.data.progress import Progress
from workers.work import Work, run

MODULE = "workers.checks.trained"
LOOK_SECONDS = 0.05
# Longer than any data take to be read and tokenized.
PATIENCE_SECONDS = 6 * 3600
TENSORS = ("model.safetensors", "trained.safetensors", "optimizer.safetensors")
OF_JOB = ("run_id", "hub_url", "spec", "data", "models", "models_cache", "token_cache")
LOG_CHARACTERS = 500


def nothing(checkpoint: Path) -> None:
    """Between the crash and the resumption nobody touches the checkpoint."""


def drill(
    values: dict[str, Any], progress: Progress, after_crash: Callable[[Path], None] = nothing
) -> dict[str, Any]:
    folder, steps, at = Path(values["folder"]), values["steps"], values["checkpoint_at"]
    progress("training", 0, 3)
    whole = prepare(folder / "whole", values)
    finish(whole)
    progress("crashing", 1, 3)
    crashed = prepare(folder / "crashed", values)
    # One step further than the checkpoint: what came after it is lost.
    crash(crashed, at + 1)
    checkpoint = crashed / "checkpoints" / f"step-{at}"
    after_crash(checkpoint)
    progress("resuming", 2, 3)
    resume(crashed, values, checkpoint)
    ends = [place / "checkpoints" / f"step-{steps}" for place in (whole, crashed)]
    compared = compare(*ends)
    return {
        **compared,
        "spec": values["spec"],
        "steps": steps,
        "checkpoint_at": at,
        "killed_at": at + 1,
    }


def prepare(place: Path, values: dict[str, Any], resume_from: Path | None = None) -> Path:
    place.mkdir(exist_ok=True)
    told = {name: values[name] for name in OF_JOB}
    write_json(place / "job.json", told | {"resume_from": str(resume_from or "") or None})
    (place / "token").write_text("none")
    return place


def start(place: Path) -> subprocess.Popen[bytes]:
    """In our own session: it ends with the job."""
    with (place / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", MODULE, str(place)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def finish(place: Path) -> None:
    process = start(place)
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise broke_off(place, process.returncode)


def crash(place: Path, step: int) -> None:
    (place / "want").write_text(str(step))
    process = start(place)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if (place / STOOD).exists():
            break
        time.sleep(LOOK_SECONDS)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise broke_off(place, process.returncode)
    (place / "want").unlink()


def resume(place: Path, values: dict[str, Any], checkpoint: Path) -> None:
    prepare(place, values, resume_from=checkpoint)
    finish(place)
    if f"Resumed from {checkpoint.name}" not in (place / "log").read_text(errors="replace"):
        raise Problem("drill_not_resumed", step=checkpoint.name)


def broke_off(place: Path, code: int) -> Problem:
    said = (place / "log").read_text(errors="replace").strip().rpartition("\n")[2]
    return Problem("job_crashed", code=code, detail=said[-LOG_CHARACTERS:])


def compare(first: Path, second: Path) -> dict[str, Any]:
    tensors = 0
    differ: list[dict[str, Any]] = []
    digest = hashlib.sha256()
    for name in TENSORS:
        for tensor, one, other in pairs(first / name, second / name):
            tensors += 1
            digest.update(tensor.encode())
            if one is None or other is None:
                differ.append({"name": tensor, "most": float("inf")})
                continue
            digest.update(bits_of(one).numpy().tobytes())
            if not same(one, other):
                differ.append({"name": tensor, "most": distance(one, other)})
    differ.sort(key=lambda one: (-one["most"], one["name"]))
    return {
        "tensors": tensors,
        "differ": [one | {"most": min(one["most"], 1e300)} for one in differ],
        "weights_sha256": digest.hexdigest(),
        "device": device_of(),
    }


def pairs(first: Path, second: Path) -> Iterator[tuple[str, Any, Any]]:
    """Tensors of the same name, in the order of the names; None where one is missing."""
    from safetensors.torch import load_file

    one, other = (load_file(path) if path.exists() else {} for path in (first, second))
    for name in sorted({*one, *other}):
        yield name, one.get(name), other.get(name)


def same(one: Any, other: Any) -> bool:
    """Bit for bit: a NaN is a NaN, and 0 is not -0."""
    import torch

    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(torch.equal(bits_of(one), bits_of(other)))


def bits_of(tensor: Any) -> Any:
    import torch

    return tensor.contiguous().reshape(-1).view(torch.uint8)


def distance(one: Any, other: Any) -> float:
    if one.shape != other.shape:
        return float("inf")
    found = float((one.double() - other.double()).abs().max())
    return found if found == found else float("inf")


def device_of() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def chosen(values: dict[str, Any]) -> Work:
    return drill


if __name__ == "__main__":
    run(chosen)
