"""Holds one model in memory and answers what the hub sends: see the package.

Standard input is a pipe from the worker's agent: when it closes, this process ends.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmhub.lib.problems import Problem
from workers.models.playground.link import HubIsGone, Link
from workers.models.verified import verify
from workers.work import end_with_parent, limit_memory

if TYPE_CHECKING:
    from workers.models.playground.desk import Desk
    from workers.models.playground.loaded import Loaded

logger = logging.getLogger(__name__)


def main(folder: Path) -> int:
    values = json.loads((folder / "job.json").read_text())
    link = Link(values["hub_url"], values["serving"], values["secret"])
    try:
        link.connect()
        began = time.monotonic()
        loaded = loaded_of(values)
        facts = loaded.facts() | {"load_seconds": round(time.monotonic() - began, 2)}
        from workers.models.playground.desk import Desk

        return serve(link, Desk(loaded, link), facts, values["idle_seconds"])
    except Problem as problem:
        link.put({"type": "failed", "problem": problem.as_json()})
        link.flush()
        return 0
    except HubIsGone as error:
        logger.warning("The hub is gone: %s", error)
        return 1


def loaded_of(values: dict[str, Any]) -> Loaded:
    # Before torch, which takes seconds to load: bad files are told at once.
    refuse_too_large(Path(values["model"]), values["memory_bytes"])
    verify(Path(values["model"]), values["files"])
    return loaded_with_torch(values)


def loaded_with_torch(values: dict[str, Any]) -> Loaded:
    import torch

    from workers.models.playground.loaded import load

    device = values["device"]
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise Problem("playground_not_loaded", detail=f"there is no device {device}")
    if device == "cpu":
        limit_memory(values["memory_bytes"])
    torch.set_num_threads(values["threads"])
    try:
        return load(Path(values["model"]), device)
    except MemoryError:
        raise Problem("playground_memory") from None
    except RuntimeError as error:
        # What torch says where the system gives it no memory.
        if "alloc" not in str(error):
            raise
        raise Problem("playground_memory") from error


def refuse_too_large(model: Path, limit: int) -> None:
    """Before minutes go into loading what cannot fit: in fp32, whatever the files hold."""
    stored = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    if stored > limit:
        raise Problem("playground_too_large", bytes=stored, limit=limit)


def serve(link: Link, desk: Desk, facts: dict[str, Any], idle_seconds: float) -> int:
    """Until nobody has asked for so long, or the hub is gone."""
    last_asked = time.monotonic()
    while True:
        link.put({"type": "ready", "facts": facts})
        for message in link.incoming():
            if message and message["type"] == "go":
                return 0
            if message:
                obey(desk, message)
            if message or not desk.is_empty:
                last_asked = time.monotonic()
            if time.monotonic() - last_asked > idle_seconds:
                link.put({"type": "idle"})
        # Whoever waited for an answer has been told that it is lost.
        desk.drop_all()
        link.connect()


def obey(desk: Desk, message: dict[str, Any]) -> None:
    if message["type"] == "write":
        desk.take(message)
    else:
        desk.drop(message["answer"])


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    # Answers that are still written are those that nobody waits for.
    os._exit(code)
