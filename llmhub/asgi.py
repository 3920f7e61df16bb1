"""The web process: HTTP through Django, websockets through Channels."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "llmhub.settings")

from django.core.asgi import get_asgi_application

http = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import re_path  # noqa: E402

import llmhub.celery  # noqa: E402, F401
from llmhub.urls import websocket_urlpatterns  # noqa: E402


async def nothing_here(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuses a socket at an address that nobody serves; without it that is a traceback."""
    await send({"type": "websocket.close"})


# The types of Django know paths to views alone.
elsewhere = re_path("", nothing_here)  # type: ignore[arg-type]
application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([*websocket_urlpatterns, elsewhere]))
        ),
    }
)
