"""A server that answers like the Hugging Face hub: what a repository has, and its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from llmhub.lib.manifest import file_hash

COMMIT = "1" * 40


class Hub(ThreadingHTTPServer):
    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder  # a repository owner/name is a folder in it


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Its address."""
    hub = Hub(folder)
    Thread(target=hub.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{hub.server_port}"
    finally:
        hub.shutdown()
        hub.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].strip("/")
        if path.startswith("api/models/"):
            self._describe("/".join(path.split("/")[2:4]), is_tree="/tree/" in path)
        else:
            owner, name, _, _, file = path.split("/", 4)
            self._send_file(self.server.folder / owner / name / file)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silent."""

    def _describe(self, name: str, *, is_tree: bool) -> None:
        repository = self.server.folder / name
        if not repository.is_dir():
            self._send(b"", 404, {"X-Error-Code": "RepoNotFound"})
            return
        files = sorted(repository.iterdir())
        siblings = [{"rfilename": path.name} for path in files]
        tree = [{"type": "file", "path": path.name, **_facts(path)} for path in files]
        body = tree if is_tree else {"id": name, "sha": COMMIT, "siblings": siblings}
        self._send(json.dumps(body).encode(), 200, {})

    def _send_file(self, path: Path) -> None:
        headers = {"ETag": f'"{file_hash(path)}"', "X-Repo-Commit": COMMIT}
        self._send(path.read_bytes(), 200, headers)

    def _send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def _facts(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "oid": file_hash(path)}
