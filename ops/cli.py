"""The commands of the Makefile."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from ops import bootstrap
from ops.errors import Refused

# The name of each command, the module that has it, and whether it needs the tools of developers.
COMMANDS = {
    "up": ("ops.up", False),
    "manage": ("ops.manage", False),
    "models": ("ops.models", False),
    "lint": ("ops.lint", True),
    "test": ("ops.run_tests", True),
    "bench": ("ops.measure", True),
}


def main(arguments: Sequence[str]) -> int:
    """The exit code. What cannot be done is said in one line, without a traceback."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return 130
    except Refused as refusal:
        reason = str(refusal)
    except OSError as error:
        reason = f"{error.filename or 'The system'}: {error.strerror or error}."
    print(f"llmhub: {reason}", file=sys.stderr)
    return 1


def _run(arguments: Sequence[str]) -> int:
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        raise Refused(f"Name one of these: {', '.join(COMMANDS)}.")
    module, for_developers = COMMANDS[name]
    if os.environ.get("HUB_BOOTSTRAP", "1") != "0":
        bootstrap.enter(for_developers, ["-m", "ops", *arguments])
    # Only now: the modules of the commands import packages of the virtual environment.
    return int(import_module(module).main(arguments[1:]))
