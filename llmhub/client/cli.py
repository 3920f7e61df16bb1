"""The command `llmhub` of a machine that trains."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from llmhub.client.connection import Unreachable
from llmhub.client.delivery import Refused
from llmhub.client.folder import folders
from llmhub.client.journal import JournalInUse
from llmhub.client.run import DEFAULT_DIR
from llmhub.client.sync import sync


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="llmhub", description="Log trainings to an llmhub.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("sync", help="send what runs have left on this disk")
    command.add_argument("folders", nargs="*", type=Path, help="of runs; else all in LLMHUB_DIR")
    command.add_argument("--hub-url", default=os.environ.get("LLMHUB_URL", ""))
    command.add_argument("--token", default=os.environ.get("LLMHUB_TOKEN", ""))
    options = parser.parse_args(arguments)
    paths = options.folders or _unsent(Path(os.environ.get("LLMHUB_DIR") or DEFAULT_DIR))
    if not paths:
        sys.stdout.write("There is nothing to send.\n")
    results = [_sync(path, options.hub_url, options.token) for path in paths]
    return 0 if all(results) else 1


def _unsent(parent: Path) -> list[Path]:
    return [folder.path for folder in folders(parent) if not folder.synced.exists()]


def _sync(path: Path, hub_url: str, token: str) -> bool:
    try:
        line, good = str(sync(path, hub_url, token)), True
    except JournalInUse:
        line, good = "is still running and sends by itself", True
    except (Refused, Unreachable, OSError, ValueError) as error:
        line, good = str(error), False
    sys.stdout.write(f"{path.name}: {line}\n")
    return good
