from __future__ import annotations


class LaunchRefused(Exception):
    """Why a run cannot be launched as asked: reasons by dotted field name; "" is the whole."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors
