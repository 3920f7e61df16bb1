"""A page's end of a websocket, spoken to the whole ASGI application.

Not channels.testing: that package imports Daphne, which the hub does not use.
"""

from __future__ import annotations

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator
from django.conf import settings

from llmhub.asgi import application

PATIENCE = 10


class Socket(ApplicationCommunicator):
    def __init__(self, path: str, session: str = "", origin: str = "http://localhost") -> None:
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
        headers = {"host": "localhost", "origin": origin, "cookie": cookie}
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "subprotocols": [],
        }
        super().__init__(application, scope)

    async def open(self) -> bool:
        """Whether the hub accepted the socket."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(PATIENCE)
        return bool(answer["type"] == "websocket.accept")

    async def tell(self, message: dict[str, Any]) -> None:
        await self.send_input({"type": "websocket.receive", "text": json.dumps(message)})

    async def hear(self) -> dict[str, Any]:
        answer = await self.receive_output(PATIENCE)
        return dict(json.loads(answer["text"]))

    async def close(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(PATIENCE)
