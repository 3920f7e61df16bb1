"""An HTTP server that answers as a test says: what a hub does on its bad days."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Status and headers of an answer; None: the connection is cut without one.
Answer = tuple[int, dict[str, str]] | None
OK: Answer = (200, {})


class TroubledHub:
    def __init__(self, answer: Callable[[dict[str, Any]], Answer] = lambda body: OK) -> None:
        self.answer = answer
        self.requests: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        # The first body of each number that was answered with 200: what a hub counts.
        self.taken: dict[int, dict[str, Any]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> TroubledHub:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def rows(self) -> list[tuple[int, dict[str, Any]]]:
        """(step, values) of all batches that count, in their order."""
        found = []
        for _, body in sorted(self.taken.items()):
            for row, step in enumerate(body["steps"]):
                values = {name: column[row] for name, column in body["series"].items()}
                found.append((step, {k: v for k, v in values.items() if v is not None}))
        return found

    def wait_for(self, condition: Callable[[], object], timeout: float = 20) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "the hub waited in vain"
            time.sleep(0.005)

    def _handler(hub) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                hub.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hub.times.append(time.monotonic())
                hub.requests.append(body)
                hub.headers.append(dict(self.headers) | {"path": self.path})
                answer = hub.answer(body)
                if answer is None:
                    self.close_connection = True
                    return
                status, headers = answer
                if status == 200:
                    hub.taken.setdefault(body["batch"], body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "2"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def first(*answers: Answer) -> Callable[[dict[str, Any]], Answer]:
    """These answers one after another, and then all is well."""
    left = list(answers)
    return lambda body: left.pop(0) if left else OK
