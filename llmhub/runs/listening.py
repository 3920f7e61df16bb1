"""Whether the hub could have heard a heartbeat. A hub that is down must not judge who is silent."""

from __future__ import annotations

import http.client
import time
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

ANSWER_SECONDS = 3.0


class Ears:
    """For how long without a break machines have been able to reach the hub."""

    def __init__(self) -> None:
        self._since: float | None = None

    def heard_for(self) -> timedelta:
        """Tries the way that heartbeats take, through web and database."""
        if not hub_answers():
            self._since = None
            return timedelta(0)
        now = time.monotonic()
        self._since = self._since or now
        return timedelta(seconds=now - self._since)


def hub_answers() -> bool:
    url = urlsplit(settings.HUB_URL)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"{url.path.rstrip('/')}{reverse('health')}")
        return connection.getresponse().status == 204
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
