"""A door in front of the hub that a test can shut: what comes then finds nobody."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class Gate:
    def __init__(self, url: str) -> None:
        self._hub = (urlsplit(url).hostname, urlsplit(url).port)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._open = True
        self._passing: set[socket.socket] = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def shut(self) -> None:
        self._open = False
        for one in list(self._passing):
            _hang_up(one)

    def open(self) -> None:
        self._open = True

    def close(self) -> None:
        self.shut()
        _hang_up(self._door)
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                self._let_in(self._door.accept()[0])

    def _let_in(self, guest: socket.socket) -> None:
        if not self._open:
            guest.close()
            return
        host = socket.create_connection(self._hub)
        self._passing |= {guest, host}
        for one, other in ((guest, host), (host, guest)):
            threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    _hang_up(other)


def _hang_up(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
