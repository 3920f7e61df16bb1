"""A hub of a few lines for runs that scripts begin: it keeps what it is told."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.client.hub import understood

Refusal = tuple[int, dict[str, Any]] | None


class ExternalHub:
    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.points: dict[tuple[str, int], dict[str, Any]] = {}
        self.updates: list[dict[str, Any]] = []
        self.samples: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.console = ""
        self.finishes: list[dict[str, Any]] = []
        self.beats = 0
        self.want = "run"
        self.resumed_step: int | None = None
        # Called with the path: an answer for it, or None.
        self.refuse: Callable[[str], Refusal] = lambda path: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> ExternalHub:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def rows(self) -> list[tuple[int, dict[str, float]]]:
        found = []
        for _, body in sorted(self.points.items()):
            for row, step in enumerate(body["steps"]):
                values = {name: column[row] for name, column in body["series"].items()}
                found.append((step, {k: v for k, v in values.items() if v is not None}))
        return found

    def summary(self) -> dict[str, Any]:
        together: dict[str, Any] = {}
        for update in self.updates:
            together |= update.get("summary", {})
        return together

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "the hub waited in vain"
            time.sleep(0.005)

    def take(self, method: str, path: str, raw: bytes, headers: dict[str, str]) -> Refusal:
        refusal = self.refuse(path)
        if refusal:
            return refusal
        if method == "PUT":
            self.files[re.sub(r".*/files/", "", path)] = raw
            return 201, {}
        if path.endswith("/points"):
            body = understood(raw, headers)
            self.points.setdefault((headers["Authorization"], body["batch"]), body)
            return 200, {"rev": 1}
        return self.take_json(path, json.loads(raw))

    def take_json(self, path: str, body: dict[str, Any]) -> Refusal:
        what = path.rpartition("/")[2]
        if path == "/api/v1/runs/external":
            self.runs.setdefault(body["idempotency_key"], body)
            number = list(self.runs).index(body["idempotency_key"]) + 1
            begun = {"id": body["resume"] or number, "url": f"/runs/{number}/", "attempt": number}
            return 201, {**begun, "token": f"t{number}", "resumed_step": self.resumed_step}
        if what == "samples":
            self.samples += body["samples"]
        elif what == "log":
            self.console = self.console[: body["offset"]] + body["text"]
        elif what == "finish":
            self.finishes.append(body)
        elif what == "beat":
            self.beats += 1
            return 200, {"want": self.want}
        else:
            self.updates.append(body)
        return 200, {}

    def _handler(hub) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                answer = hub.take(self.command, self.path, raw, dict(self.headers))
                assert answer
                said = json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_PUT = do_PATCH = do_POST  # noqa: N815 - as the base class calls them

            def log_message(self, *_: object) -> None:
                pass

        return Handler
