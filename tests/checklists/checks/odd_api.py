"""A real server on this machine whose faults a test chooses. One port speaks HTTP and HTTPS."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TLS_HELLO = 0x16


@dataclass
class Manners:
    """How it answers. `plain`: the status over HTTP, where it answers at all."""

    status: int = 401
    headers: dict[str, str] = field(default_factory=dict)
    plain: int | None = None
    plain_headers: dict[str, str] = field(default_factory=dict)
    limit: int | None = None
    reflects: bool = False
    body: bytes = b"{}"
    heard: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def do_GET(self) -> None:
        manners = self.server.manners
        is_plain = not isinstance(self.connection, ssl.SSLSocket)
        manners.heard.append(f"{self.command} {self.path} {self.headers['Host']}")
        status = manners.plain if is_plain and manners.plain else manners.status
        if manners.limit is not None and len(manners.heard) > manners.limit:
            status = 429
        headers = manners.plain_headers if is_plain and manners.plain else manners.headers
        if manners.reflects:
            headers = {**headers, "Access-Control-Allow-Origin": self.headers["Origin"] or ""}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(manners.body)))
        self.end_headers()
        self.wfile.write(manners.body)

    do_OPTIONS = do_GET  # noqa: N815

    def log_message(self, *told: object) -> None:
        pass


class Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, manners: Manners, certificate: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.manners = manners
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    def get_request(self) -> tuple[socket.socket, object]:
        """The first byte tells which of the two it is."""
        connection, address = super().get_request()
        connection.settimeout(5)
        first = connection.recv(1, socket.MSG_PEEK)
        if first and first[0] == TLS_HELLO and self.context:
            return self.context.wrap_socket(connection, server_side=True), address
        if first and self.context and self.manners.plain is None:
            connection.close()
            raise OSError("plain HTTP is not spoken here")
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Who goes away early is none."""


@contextmanager
def served(manners: Manners, certificate: Path | None) -> Iterator[int]:
    api = Api(manners, certificate)
    threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield api.server_address[1]
    finally:
        api.shutdown()
        api.server_close()


def make_certificate(place: Path) -> Path:
    """Of localhost, signed by itself."""
    openssl = shutil.which("openssl")
    assert openssl, "the tests of probes need openssl"
    certificate = place / "localhost.pem"
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-keyout", str(certificate.with_suffix(".key")), "-out", str(certificate),
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate
