"""What the environment says about this hub, checked before anything starts."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import Refused

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Config:
    data: Path
    host: str
    port: int  # 0: any that is free
    node: str
    database_url: str  # empty: a server of our own
    redis_url: str
    given: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Config:
        given = {name: value for name, value in environment.items() if value.strip()}
        return cls(
            data=Path(given.get("HUB_DATA", ROOT / "var")).resolve(),
            host=given.get("HUB_HOST", "127.0.0.1"),
            port=_port(given.get("HUB_PORT", "8000")),
            node=given.get("HUB_NODE", socket.gethostname()),
            database_url=given.get("DATABASE_URL", ""),
            redis_url=given.get("REDIS_URL", ""),
            given=given,
        )

    def environment(self, port: int, database_url: str, redis_url: str) -> dict[str, str]:
        """What the processes of this hub see."""
        return {
            **self.given,
            "DJANGO_SETTINGS_MODULE": "llmhub.settings",
            "PYTHONUNBUFFERED": "1",
            "HUB_DATA": str(self.data),
            "HUB_HOST": self.host,
            "HUB_PORT": str(port),
            "HUB_NODE": self.node,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
        }


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= 65535:
        return int(text)
    raise Refused(f"HUB_PORT must be a whole number up to 65535, not {text!r}.")
