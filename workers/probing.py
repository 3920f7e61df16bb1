"""Measures what a training needs, in a process that may fail without harm to anyone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmhub.runs import probes
from llmhub.runs.models import Probe
from workers import environment
from workers.process import ROOT

COMMAND = [sys.executable, "-m", "workers.training.probe"]
LIMIT_SECONDS = 60
ERROR_CHARACTERS = 2_000


class ProbeFailed(Exception):
    pass


def measure(probe_id: int) -> None:
    probe = Probe.objects.filter(pk=probe_id, state=Probe.State.PENDING).first()
    if probe is None:
        return
    try:
        result = run(probe.spec)
    except ProbeFailed as error:
        probes.finish(probe_id, error=str(error))
    else:
        probes.finish(probe_id, result=result)


def run(spec: dict[str, Any]) -> dict[str, Any]:
    process = subprocess.Popen(
        COMMAND,
        cwd=ROOT,
        env=environment.clean() | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    be_first_victim(process.pid)
    try:
        output, errors = process.communicate(json.dumps(spec), timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise ProbeFailed(f"No answer within {LIMIT_SECONDS} seconds.") from None
    finally:
        end(process)
    result = last_object(output)
    if process.returncode != 0 or "error" in result or not result:
        raise ProbeFailed(str(result.get("error") or tail(errors) or "It gave no result."))
    return result


def last_object(output: str) -> dict[str, Any]:
    """The last line: libraries may print before it."""
    try:
        value = json.loads(output.strip().rpartition("\n")[2])
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def tail(errors: str) -> str:
    return errors.strip()[-ERROR_CHARACTERS:].replace("\0", "?")


def be_first_victim(pid: int) -> None:
    """When memory runs out the kernel shall take the probe, not a training or the hub."""
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


def end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
