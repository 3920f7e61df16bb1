"""The whole application under uvicorn in a thread, on the database of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from llmhub.asgi import application
from tests.waiting import until


@contextmanager
def serving() -> Iterator[str]:
    """Its address, host and port."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="off", log_level="error"))
    sock = server.config.bind_socket()
    sock.listen()  # who connects before the thread is there waits
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    until(lambda: server.started)
    yield f"127.0.0.1:{sock.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    sock.close()
