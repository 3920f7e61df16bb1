"""One terminal for many processes."""

from __future__ import annotations

import os
import sys

COLOURS = {"postgres": 34, "valkey": 35, "web": 32, "worker": 36, "housekeeping": 33}
WIDTH = max(map(len, COLOURS))


class Console:
    def __init__(self) -> None:
        self.coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def say(self, text: str) -> None:
        try:
            print(text, flush=True)
        except OSError:
            # Nobody reads any more: the hub goes on without a voice.
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115

    def line(self, name: str, text: str) -> None:
        self.say(f"{self._paint(name)} {text}")

    def _paint(self, name: str) -> str:
        label = f"{name:<{WIDTH}} |"
        return f"\033[{COLOURS.get(name, 90)}m{label}\033[0m" if self.coloured else label
