"""A hub of a few lines: takes the trainer's points over HTTP, as the real one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.client.hub import understood


@dataclass
class Hub:
    url: str = ""
    batches: list[dict[str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def series(self, name: str) -> dict[int, Any]:
        return {
            step: value
            for batch in self.batches
            for step, value in zip(batch["steps"], batch["series"].get(name, []), strict=False)
            if value is not None
        }


@contextmanager
def hub() -> Iterator[Hub]:
    taken = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.batches.append(understood(body, dict(self.headers)))
            taken.tokens.add(self.headers["Authorization"])
            answer = json.dumps({"rev": len(taken.batches)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
