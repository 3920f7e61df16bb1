"""`make lint`: every check runs, whatever the one before said."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ops.config import ROOT

PROGRAMS = Path(sys.executable).parent
CHECKS: dict[str, Sequence[str | Path]] = {
    "style": [PROGRAMS / "ruff", "check"],
    "format": [PROGRAMS / "ruff", "format", "--check"],
    "types": [PROGRAMS / "mypy"],
    "architecture": [PROGRAMS / "lint-imports", "--no-logo"],
    "templates": [PROGRAMS / "djlint", "templates", "--lint", "--quiet"],
    "translations": [sys.executable, "-m", "ops.translations"],
}
# mypy's plugin for Django reads the settings; nobody connects to this database.
NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@localhost/nowhere",
    "REDIS_URL": "redis://localhost",
    "SECRET_KEY": "only to read the settings",
}


def main(arguments: Sequence[str] = ()) -> int:
    chosen = {name: CHECKS[name] for name in arguments or CHECKS}
    failed = [name for name, command in chosen.items() if not _passes(name, command)]
    print(f"lint: {'failed: ' + ', '.join(failed) if failed else 'passed'}", flush=True)
    return 1 if failed else 0


def _passes(name: str, command: Sequence[str | Path]) -> bool:
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **NOWHERE},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    verdict = "failed" if done.returncode else "passed"
    print(f"lint {name}: {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
