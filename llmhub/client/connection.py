"""Requests to the hub over a connection that is kept open."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import IO
from urllib.parse import urlsplit

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Unreachable(Exception):
    """No answer, or one that promises nothing: try again, not before `wait` seconds."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Connection:
    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not the URL of a hub.")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port)
        self._base = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.is_local = parts.hostname in LOCAL

    def request(
        self,
        method: str,
        path: str,
        body: bytes | IO[bytes],
        timeout: float,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, str]:
        """Status, text and Retry-After of the answer."""
        used_before = self._connection.sock is not None
        sent = (method, self._base + path, body, {**self._headers, **(headers or {})})
        try:
            return self._exchange(*sent, timeout)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not used_before or isinstance(error, TimeoutError):
                raise Unreachable(repr(error)) from error
        # The hub closes connections that idled; a new one may well work at once.
        try:
            return self._exchange(*sent, timeout)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(repr(error)) from error

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | IO[bytes],
        headers: dict[str, str],
        timeout: float,
    ) -> tuple[int, str, str]:
        if not isinstance(body, bytes):
            body.seek(0)
        self._connection.timeout = timeout
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout)
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read(1 << 20).decode("utf-8", "replace")
        return answer.status, text, answer.headers.get("Retry-After", "")

    def close(self) -> None:
        self._connection.close()


class Post:
    """POSTs to one URL."""

    def __init__(self, url: str, token: str) -> None:
        self._connection = Connection(url, token)
        self.is_local = self._connection.is_local

    def __call__(
        self, body: bytes, timeout: float, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Status, text and Retry-After of the answer."""
        return self._connection.request("POST", "", body, timeout, headers)

    def close(self) -> None:
        self._connection.close()
