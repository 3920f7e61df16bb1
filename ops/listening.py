"""The port of the hub, taken before anything else starts."""

from __future__ import annotations

import errno
import socket

from ops.errors import Refused


def listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(1024)
    except socket.gaierror:
        raise Refused(f"HUB_HOST {host!r} is no address of this machine.") from None
    except OSError as error:
        raise Refused(_advice(error, host, port)) from None
    return taken


def _advice(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken: stop what uses it, or set HUB_PORT to another."
    if error.errno == errno.EACCES:
        return f"This user may not open port {port}: set HUB_PORT to one above 1023."
    return f"Port {port} on {host} cannot be opened ({error.strerror}): set HUB_HOST and HUB_PORT."
