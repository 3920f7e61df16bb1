"""The hub as an attempt's supervisor talks to it."""

from __future__ import annotations

import json
import time
from typing import Any

from llmhub.client.sender import Post, Unreachable

REQUEST_SECONDS = 10.0
# A hub that answers, but does not know the attempt: it may have been restored from a backup, or
# another one may listen there for a while. After this time it is believed.
GIVE_UP_AFTER = 600.0


WANTS = frozenset({"run", "pause", "stop"})


class Stale(Exception):
    """The attempt is over or replaced in the eyes of the hub: its trainer must end."""


class Rejected(Unreachable):
    """This message will not be taken, however often it is sent.

    Whoever has nothing else to say waits, as for a hub out of reach: its settings may be wrong.
    """


class Hub:
    def __init__(self, url: str, attempt_id: int, token: str) -> None:
        self._base = f"{url.rstrip('/')}/api/v1/attempts/{attempt_id}"
        self._token = token
        self._posts: dict[str, Post] = {}
        self._unknown_since: float | None = None

    def heartbeat(self, state: str, step: int, total_steps: int | None) -> tuple[str, list[int]]:
        """What is wanted of the run (run, pause or stop), and which checkpoints stay."""
        said = {"state": state, "step": step, "total_steps": total_steps}
        answer = self._send("heartbeat", said)
        want, pinned = answer.get("want"), answer.get("pinned", [])
        if want not in WANTS or not isinstance(pinned, list):
            raise Unreachable(f"an answer that is not the hub's: {answer!r}"[:200])
        return str(want), pinned

    def log(self, offset: int, text: str) -> int:
        """Up to where the hub has the log now."""
        return int(self._send("log", {"offset": offset, "text": text})["end"])

    def checkpoints(self, listing: list[dict[str, Any]]) -> None:
        self._send("checkpoints", {"checkpoints": listing})

    def samples(self, samples: list[dict[str, Any]]) -> None:
        self._send("samples", {"samples": samples})

    def finish(self, ending: dict[str, Any]) -> None:
        self._send("finish", ending)

    def _send(self, what: str, body: dict[str, Any]) -> Any:
        post = self._posts.get(what) or self._open(what)
        status, text, _ = post(json.dumps(body).encode("ascii"), REQUEST_SECONDS)
        self._settle(status, text)
        try:
            return json.loads(text)
        except ValueError:
            raise Unreachable(f"an answer that is not the hub's: {text[:100]!r}") from None

    def _open(self, what: str) -> Post:
        post = self._posts[what] = Post(f"{self._base}/{what}", self._token)
        return post

    def _settle(self, status: int, text: str) -> None:
        if status == 409:
            raise Stale(text[:200])
        if status in {401, 403, 404, 410}:
            self._be_unknown()
        if status in {400, 413, 422}:
            raise Rejected(f"{status} {text[:500]}")
        if not 200 <= status < 300:
            raise Unreachable(f"{status} {text[:200]}")
        self._unknown_since = None

    def _be_unknown(self) -> None:
        now = time.monotonic()
        self._unknown_since = self._unknown_since or now
        if now - self._unknown_since > GIVE_UP_AFTER:
            raise Stale("the hub has not known this attempt for a long time")
