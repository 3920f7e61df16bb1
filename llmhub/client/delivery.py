"""All that a run tells the hub: it begins, points, events, the console, and its end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from llmhub.client.client import Left, Pause, Points, points_url
from llmhub.client.connection import Connection, Post, Unreachable
from llmhub.client.folder import Begun, Count, Events, Folder
from llmhub.client.journal import Journal
from llmhub.client.rows import Troubles
from llmhub.client.sender import REQUEST_SECONDS, STOPS

BEAT_SECONDS = 15.0
# Texts in one message.
AT_ONCE = 100
CONSOLE_BYTES = 64 * 1024
BEGIN = "/api/v1/runs/external"


class Refused(ValueError):
    """The hub does not take this run: its words say what is wrong with the arguments."""


@dataclass(frozen=True)
class Receipt:
    """Points of a run, as they left the script and as the hub has answered for them."""

    logged: int
    sent: int
    acknowledged: int
    refused: int
    url: str
    # What went wrong with calls, by its kind.
    troubles: dict[str, int]
    folder: str

    @property
    def is_complete(self) -> bool:
        return self.acknowledged == self.logged

    def __str__(self) -> str:
        counted = (
            f"{self.logged:,} points logged, {self.sent:,} sent, "
            f"{self.acknowledged:,} acknowledged, {self.refused:,} refused"
        )
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(self.troubles.items()))
        trouble = f" (troubles: {told})" if told else ""
        waiting = "" if self.is_complete else f"; the rest is in {self.folder}: llmhub sync"
        return f"llmhub: {counted}{trouble}{waiting}. {self.url}".rstrip()


class Delivery:
    def __init__(
        self, folder: Folder, journal: Journal, events: Events, troubles: Troubles
    ) -> None:
        self._folder, self._journal = folder, journal
        self._events, self._troubles = events, troubles
        self._hub: Connection | None = None
        self._points: Points | None = None
        self._console = Count(folder.path / "console.sent")
        # Set when the hub takes nothing more of this run.
        self.is_over = False

    def begin(self, hub_url: str, token: str, timeout: float = REQUEST_SECONDS) -> Begun:
        """Repeating it gives the same run. Raises Refused or Unreachable."""
        about = self._folder.about
        names = ("name", "config", "tags", "notes", "resume")
        wish = {name: about[name] for name in names} | {"idempotency_key": about["key"]}
        connection = Connection(hub_url.rstrip("/"), token)
        body = json.dumps(wish).encode("ascii")
        try:
            status, text, _ = connection.request("POST", BEGIN, body, timeout)
        finally:
            connection.close()
        if 400 <= status < 500 and status not in {408, 425, 429}:
            raise Refused(f"The hub does not take this run: {status} {text[:1000]}")
        if not 200 <= status < 300:
            raise Unreachable(f"{status} {text[:200]}")
        begun = _begun(text, hub_url)
        self._folder.note_begun(begun, hub_url)
        return begun

    def drain(self, left: Left, pause: Pause) -> bool:
        """Points first: the end of the run comes when all of them are there."""
        if self.is_over or not self._open():
            return False
        assert self._points
        sent = self._points.drain(left, pause)
        self.is_over = self._points.is_refused
        if not sent:
            return False
        try:
            self._send_console()
            return self._send_events()
        except Unreachable as error:
            self._troubles.note("retries", "The hub did not take a message: %s", error)
            pause(max(1.0, error.wait))
            return False

    def _open(self) -> bool:
        begun = self._folder.begun
        if begun is None:
            return False
        if self._points is None:
            hub_url = self._folder.about["hub_url"]
            post = Post(points_url(hub_url, begun.id), begun.token)
            self._points = Points(self._folder.path, self._journal, post, self._troubles)
            self._hub = Connection(hub_url.rstrip("/"), begun.token)
        return True

    def _send_events(self) -> bool:
        while waiting := self._events.unsent():
            for kind, group in groupby(waiting, lambda one: one[0].get("kind")):
                some = list(group)
                if not self._send_some(str(kind), some):
                    return False
        return True

    def _send_some(self, kind: str, some: list[tuple[dict[str, Any], int]]) -> bool:
        step = {"sample": AT_ONCE, "update": len(some)}.get(kind, 1)
        for first in range(0, len(some), step):
            part = some[first : first + step]
            said = [{key: value for key, value in one.items() if key != "kind"} for one, _ in part]
            if (send := self._ways().get(kind)) is not None:
                self._send_fit(send, said)
            if self.is_over:
                return False
            self._events.sent_up_to(part[-1][1])
        return True

    def _send_fit(
        self, send: Callable[[list[dict[str, Any]]], None], said: list[dict[str, Any]]
    ) -> None:
        """Unless it cannot be sent at all: what comes after it must get through."""
        try:
            send(said)
        except UnicodeError as error:
            self._troubles.note("set_aside", "A message cannot be sent: %r", error)

    def _ways(self) -> dict[str, Callable[[list[dict[str, Any]]], None]]:
        return {
            "update": self._update,
            "sample": self._samples,
            "file": self._file,
            "finish": self._finish,
        }

    def _update(self, many: list[dict[str, Any]]) -> None:
        """Many changes make one: the last word on each counts."""
        together: dict[str, Any] = {}
        for said in many:
            summary = together.get("summary", {}) | said.get("summary", {})
            together |= said | ({"summary": summary} if summary else {})
        self._patch(_parts(together))

    def _patch(self, parts: list[dict[str, Any]]) -> None:
        """What is refused does not take the rest along: it is looked for by halves."""
        taken = self._tell("PATCH", self._external(), _whole(parts))
        if not taken and not self.is_over and len(parts) > 1:
            half = len(parts) // 2
            self._patch(parts[:half])
            self._patch(parts[half:])

    def _samples(self, many: list[dict[str, Any]]) -> None:
        begun = self._begun()
        self._tell("POST", f"/api/v1/attempts/{begun.attempt}/samples", {"samples": many})

    def _file(self, many: list[dict[str, Any]]) -> None:
        [said] = many
        copy = self._folder.path / "files" / Path(said["copy"]).name
        if not copy.exists():
            return
        with copy.open("rb") as file:
            size = str(copy.stat().st_size)
            headers = {"Content-Type": "application/octet-stream", "Content-Length": size}
            path = f"{self._external('files')}/{quote(said['name'])}"
            taken = self._request("PUT", path, file, headers)
        if taken:
            copy.unlink()

    def _finish(self, many: list[dict[str, Any]]) -> None:
        receipt = {key: value for key, value in asdict(self.receipt()).items() if key != "folder"}
        body = {**many[0], "receipt": receipt}
        if self._tell("POST", self._external("finish"), body):
            self._folder.synced.touch()

    def _send_console(self) -> None:
        path = self._folder.console
        while path.exists() and self._console.value < path.stat().st_size:
            with path.open("rb") as file:
                file.seek(self._console.value)
                raw = file.read(CONSOLE_BYTES)
            text = raw.decode("utf-8", "ignore") or "?" * len(raw)
            said = {"offset": self._console.value, "text": text}
            self._tell("POST", f"/api/v1/attempts/{self._begun().attempt}/log", said)
            if self.is_over:
                return
            self._console.set(self._console.value + len(text.encode()))

    def beat(self) -> str:
        """What is wanted of the run: run or stop. Raises Unreachable."""
        begun = self._begun()
        connection = Connection(self._folder.about["hub_url"].rstrip("/"), begun.token)
        try:
            path = self._external("beat")
            status, text, _ = connection.request("POST", path, b"{}", REQUEST_SECONDS)
        finally:
            connection.close()
        if status in STOPS:
            return "stop" if status == 409 else "run"
        try:
            return str(json.loads(text).get("want", "run")) if status == 200 else "run"
        except (ValueError, AttributeError):
            return "run"

    def _tell(self, method: str, path: str, body: dict[str, Any]) -> bool:
        return self._request(method, path, json.dumps(body).encode("ascii"), {})

    def _request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bool:
        """True when it was taken; what is wrong is told and not said again."""
        assert self._hub
        status, text, retry = self._hub.request(method, path, body, REQUEST_SECONDS, headers)
        if 200 <= status < 300:
            return True
        if status in {401, 403, 409, 410}:
            self.is_over = True
            self._troubles.note("refused", "The hub takes no more: %d %.200s", status, text)
        elif 400 <= status < 500 and status not in {408, 425, 429}:
            self._troubles.note("set_aside", "The hub refused %s: %d %.300s", path, status, text)
        else:
            wait = min(60.0, float(retry)) if retry.isdigit() else 0.0
            raise Unreachable(f"{status} {text[:200]}", wait)
        return False

    def _begun(self) -> Begun:
        begun = self._folder.begun
        assert begun
        return begun

    def _external(self, what: str = "") -> str:
        return f"/api/v1/external/{self._begun().attempt}" + (f"/{what}" if what else "")

    def receipt(self) -> Receipt:
        begun = self._folder.begun
        answered = self._journal.taken + self._journal.refused
        return Receipt(
            logged=answered + self._journal.unsent_points(),
            sent=answered + self._journal.unanswered_points(),
            acknowledged=self._journal.taken,
            refused=self._journal.refused,
            url=begun.url if begun else "",
            troubles=dict(self._troubles.counts),
            folder=str(self._folder.path),
        )


class Beat:
    """Tells the hub that the script lives, and hears whether it should stop."""

    def __init__(self, delivery: Delivery, folder: Folder) -> None:
        self._delivery, self._folder = delivery, folder
        self.should_stop = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="llmhub-beat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                if self._folder.begun and self._delivery.beat() == "stop":
                    self.should_stop.set()
            except Exception:  # noqa: BLE001, S110 - the next beat may come through
                pass
            self._closing.wait(BEAT_SECONDS)


def _parts(said: dict[str, Any]) -> list[dict[str, Any]]:
    """One value in each."""
    summary = said.get("summary", {})
    return [
        *({key: value} for key, value in said.items() if key != "summary"),
        *({"summary": {name: value}} for name, value in summary.items()),
    ]


def _whole(parts: list[dict[str, Any]]) -> dict[str, Any]:
    summary = {name: value for part in parts for name, value in part.get("summary", {}).items()}
    rest = {key: value for part in parts for key, value in part.items() if key != "summary"}
    return rest | ({"summary": summary} if summary else {})


def _begun(text: str, hub_url: str) -> Begun:
    try:
        said = json.loads(text)
        url = str(said["url"])
        step = said.get("resumed_step")
        return Begun(
            int(said["id"]),
            hub_url.rstrip("/") + url if url.startswith("/") else url,
            int(said["attempt"]),
            str(said["token"]),
            None if step is None else int(step),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Unreachable(f"an answer that is not the hub's: {text[:100]!r}") from error
