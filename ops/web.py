"""The web process: uvicorn on the socket that the parent has bound.

`python -m ops.web SOCKET READY`: two file descriptors. Since the socket stays open in the parent,
visitors of a web process that is being restarted wait instead of being refused.
"""

from __future__ import annotations

import logging
import os
import socket
import sys

import uvicorn


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: int) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        os.write(self.ready, b"1")
        os.close(self.ready)


def main(listening: int, ready: int) -> None:
    config = uvicorn.Config(
        "llmhub.asgi:application",
        loop="uvloop",
        http="httptools",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=3,
    )
    # Trainers call several times a second: only what goes wrong is worth a line.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    Server(config, ready).run(sockets=[socket.socket(fileno=listening)])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
