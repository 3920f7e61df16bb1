"""One HTTP request to an address that was looked up once, and nothing that it might lead to.

The name is resolved at the beginning and never again: whoever changes what it stands for meanwhile
changes nothing. Redirections are read and not followed. Time and size have limits.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from llmhub.lib.problems import Problem

# Of one request, for each time that nothing is heard, and for all of it.
SILENT_SECONDS = 5
REQUEST_SECONDS = 15
MOST_BYTES = 64 * 1024
PORTS = {"http": 80, "https": 443}
AGENT = "llmhub-checklist"


@dataclass(frozen=True)
class Target:
    """Where it is asked: the host that was named, the address that it stands for."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @classmethod
    def of(cls, url: str) -> Target:
        """Raises Problem."""
        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme
        port = parts.port or PORTS[scheme]
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(scheme, host, port, path, listening(host, port, resolved(host, port)))

    def over(self, scheme: str, port: int) -> Target:
        return Target(scheme, self.host, port, self.path, self.address)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]


def resolved(host: str, port: int) -> list[str]:
    """The addresses of the host, where all of them may be asked. Raises Problem."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Problem("unreachable", host=host, detail=str(error)) from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not may_ask(host, address):
            raise Problem("address_forbidden", host=host, address=address)
    return addresses


def listening(host: str, port: int, addresses: list[str]) -> str:
    """The first one where somebody listens. Raises Problem."""
    last = ""
    for address in addresses:
        try:
            socket.create_connection((address, port), SILENT_SECONDS).close()
        except OSError as error:
            last = said(error)
        else:
            return address
    raise Problem("unreachable", host=host, detail=last)


def may_ask(host: str, address: str) -> bool:
    """An operator has allowed the host; its name must not lead to this machine, nor to where clouds
    keep what only their own machines may know."""
    of = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(of, ipaddress.IPv6Address) and of.ipv4_mapped:
        of = of.ipv4_mapped
    if of.is_loopback:
        return host == "localhost" or is_literal(host)
    return not (of.is_link_local or of.is_multicast or of.is_unspecified or of.is_reserved)


def is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class Line(http.client.HTTPConnection):
    """A connection to the address, whatever the name stands for by now."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.host, target.port, timeout=SILENT_SECONDS)
        self._target = target
        self.default_port = PORTS[target.scheme]

    def connect(self) -> None:
        sock = socket.create_connection((self._target.address, self._target.port), SILENT_SECONDS)
        if self._target.scheme == "https":
            # The certificate must be of the host that was named.
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self._target.host)
        self.sock = sock


def ask(target: Target, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """Raises Problem where nothing answers."""
    line = Line(target)
    try:
        return over(line, target, method, headers)
    finally:
        line.close()


def over(
    line: Line, target: Target, method: str = "GET", headers: Mapping[str, str] | None = None
) -> Answer:
    """On a connection that may be used again."""
    try:
        line.request(method, target.path, headers={"User-Agent": AGENT, **(headers or {})})
        answer = line.getresponse()
        drain(line, answer)
    except ssl.SSLCertVerificationError as error:
        raise Problem("tls_broken", host=target.host, detail=error.verify_message) from error
    except (OSError, http.client.HTTPException) as error:
        raise Problem("unreachable", host=target.host, detail=said(error)) from error
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()})


def drain(line: Line, answer: http.client.HTTPResponse) -> None:
    """What an answer holds does not matter; so much of it is read that another can follow."""
    deadline = time.monotonic() + REQUEST_SECONDS
    size = 0
    while size <= MOST_BYTES and time.monotonic() < deadline:
        piece = answer.read1(8_192)
        if not piece:
            # Else the connection would wait for more of it.
            answer.close()
            return
        size += len(piece)
    with suppress(OSError):
        line.close()


def said(error: Exception) -> str:
    return str(error) or type(error).__name__
