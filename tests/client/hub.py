"""An HTTP server that answers as a test says: what a hub does on its bad days."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import numpy as np
import zstandard

# Status and headers of an answer; None: the connection is cut without one.
Answer = tuple[int, dict[str, str]] | None
OK: Answer = (200, {})


def understood(raw: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """The body as JSON would have it, in whichever form it came."""
    if headers["Content-Type"] == "application/json":
        return json.loads(raw)
    if headers.get("Content-Encoding") == "zstd":
        raw = zstandard.ZstdDecompressor().decompress(raw)
    said = msgspec.msgpack.decode(raw)
    rows = said.pop("rows")
    series = {name: column(rows, raw) for name, raw in said["series"].items()}
    steps = np.frombuffer(said["steps"], "<i8").tolist()
    times = np.frombuffer(said["times"], "<f8").tolist()
    assert len(steps) == len(times) == rows
    return {"batch": said["batch"], "steps": steps, "times": times, "series": series}


def column(rows: int, raw: bytes) -> list[Any]:
    values = np.frombuffer(raw[-rows * 8 :], "<f8").tolist()
    if len(raw) == rows * 8:
        return values
    bits = raw[: -rows * 8]
    assert len(bits) == (rows + 7) // 8
    present = np.unpackbits(np.frombuffer(bits, "u1"))[:rows]
    return [value if here else None for value, here in zip(values, present, strict=True)]


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
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                body = understood(raw, dict(self.headers))
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
