"""Sends what runs have left on this disk; may be repeated and interrupted, all counts once."""

from __future__ import annotations

import time
from pathlib import Path

from llmhub.client.connection import Unreachable
from llmhub.client.delivery import Delivery, Receipt, Refused
from llmhub.client.folder import Events, Folder
from llmhub.client.journal import Journal
from llmhub.client.rows import Troubles

# A hub that takes nothing for so long is left alone until the next `llmhub sync`.
PATIENCE_SECONDS = 60.0


def sync(path: Path, hub_url: str, token: str, patience: float = PATIENCE_SECONDS) -> Receipt:
    """One run's folder. Raises JournalInUse where the run is alive, Refused and Unreachable."""
    folder, troubles = Folder(path), Troubles()
    journal = Journal(path)
    events = Events(path)
    try:
        delivery = Delivery(folder, journal, events, troubles)
        if folder.begun is None:
            url = hub_url or folder.about["hub_url"]
            _need(url, token)
            delivery.begin(url, token)
        _end(events, folder)
        deadline = time.monotonic() + patience
        delivery.drain(lambda: deadline - time.monotonic(), time.sleep)
        if delivery.is_over:
            raise Refused(f"The hub takes no more of this run. {delivery.receipt()}")
        if events.has_unsent() or journal.has_unsent():
            raise Unreachable(f"The hub did not take all. {delivery.receipt()}")
        return delivery.receipt()
    finally:
        events.close()
        journal.close()


def _need(hub_url: str, token: str) -> None:
    if not hub_url or not token:
        raise Refused("Which hub? Set LLMHUB_URL and LLMHUB_TOKEN, or give --hub-url and --token.")


def _end(events: Events, folder: Folder) -> None:
    """A script that was killed has not said how it ended."""
    if not (folder.synced.exists() or _has_ended(folder)):
        events.append("finish", status="failed")


def _has_ended(folder: Folder) -> bool:
    with (folder.path / "events.jsonl").open("rb") as file:
        return any(line.startswith(b'{"kind": "finish"') for line in file)
