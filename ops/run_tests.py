"""`make test`: every suite runs, whatever the one before said; something that is missing fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ops import tools
from ops.config import ROOT
from ops.errors import Refused

# Suites that stand apart: too slow, or too rough, for every change.
APART = {"faults", "crawl", "bench"}
# File by file, as they are collected: see tests/conftest.py.
IN_ORDER = ("--dist=loadfile", "--no-loadscope-reorder")
# The tests start servers and hubs of their own; what the caller's hub uses stays out of it.
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "HUB_DATA", "HUB_PORT", "HUB_URL")


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] not in APART:
        raise Refused(f"Name one of these suites: {', '.join(sorted(APART))}.")
    environment = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
    environment["LLMHUB_CHROMIUM"] = str(tools.chromium())
    if arguments:
        return _pytest(environment, "-m", arguments[0], "-s")
    # Types take a minute of one processor; tests wait often enough to leave it.
    linting = _start_lint()
    suites: dict[str, Callable[[], int]] = {
        "browser logic": lambda: _node(environment),
        "python": lambda: _pytest(environment, "--numprocesses=2", *IN_ORDER),
        "lint": lambda: _finish(linting),
    }
    results = {name: _timed(name, suite) for name, suite in suites.items()}
    failed = [name for name, code in results.items() if code]
    print(f"make test: {'failed: ' + ', '.join(failed) if failed else 'passed'}", flush=True)
    return 1 if failed else 0


def _start_lint() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ops", "lint"]
    environment = {**os.environ, "HUB_BOOTSTRAP": "0"}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _finish(process: subprocess.Popen[str]) -> int:
    """Its output comes in one piece, and not between that of others."""
    print(process.communicate()[0], end="")
    return process.returncode


def _timed(name: str, suite: Callable[[], int]) -> int:
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    code = suite()
    print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)
    return code


def _node(environment: dict[str, str]) -> int:
    files = sorted((ROOT / "tests" / "js").rglob("*.test.mjs"))
    if not files:
        raise Refused("There are no tests in tests/js: the checkout is incomplete.")
    return _run([tools.node(), "--test", *files], environment)


def _pytest(environment: dict[str, str], *options: str) -> int:
    return _run([sys.executable, "-m", "pytest", *options], environment)


def _run(command: Sequence[str | Path], environment: dict[str, str]) -> int:
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
