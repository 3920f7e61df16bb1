"""Keeps processes alive, in one thread and one loop."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from ops.console import Console
from ops.process import stop

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
SETTLED_AFTER = 60.0  # who has lived that long is no longer suspected of dying at once
PATIENCE, IMPATIENCE = 10.0, 2.0


@dataclass
class Child:
    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals = signal.SIGTERM
    started_at: float = 0.0
    deaths: int = 0
    start_again_at: float | None = None

    def is_over(self) -> bool:
        return self.process.poll() is not None

    def pause(self) -> float:
        """How long to wait before the next start: longer after each early death."""
        if time.monotonic() - self.started_at > SETTLED_AFTER:
            self.deaths = 0
        self.deaths += 1
        return min(FIRST_PAUSE * 2.0 ** (self.deaths - 1), LONGEST_PAUSE)


class Keeper:
    """Starts children, passes on what they say, and starts those again that end.

    SIGINT, SIGTERM and SIGHUP are only counted: what they mean is up to who calls `watch`.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.children: list[Child] = []
        self.interrupts = 0
        self._selector = selectors.DefaultSelector()
        wake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self.listen(wake, lambda: wake.recv(4096))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._count)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a death wakes the loop

    def _count(self, *_: object) -> None:
        self.interrupts += 1

    def listen(self, source: IO[bytes] | socket.socket, answer: Callable[[], object]) -> None:
        self._selector.register(source, selectors.EVENT_READ, answer)

    def silence(self, source: IO[bytes]) -> None:
        self._selector.unregister(source)
        source.close()

    def keep(
        self,
        name: str,
        start: Callable[[], subprocess.Popen[bytes]],
        *,
        running: subprocess.Popen[bytes] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Child:
        """From now on there is such a process, whatever happens to it."""
        child = Child(name, start, running or start(), stop_signal)
        self.children.append(child)
        self._started(child, lambda line: self.console.line(name, line))
        return child

    def run(self, start: Callable[[], subprocess.Popen[bytes]], hear: Callable[[str], None]) -> int:
        """Runs a process to its end, or until the next interrupt; returns its exit code."""
        interrupts = self.interrupts
        child = Child("", start, start())
        self._started(child, hear)
        self.watch(lambda: child.is_over() or self.interrupts > interrupts)
        stop(child.process, child.stop_signal, IMPATIENCE)
        self._read_rest(child)
        return child.process.returncode

    def watch(self, over: Callable[[], bool]) -> None:
        """Looks after all children until it is over."""
        while not over():
            for key, _events in self._selector.select(self._until_next_start()):
                key.data()
            for child in self.children:
                self._look_after(child)

    def _until_next_start(self) -> float | None:
        due = [child.start_again_at for child in self.children if child.start_again_at]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _look_after(self, child: Child) -> None:
        if not child.is_over():
            return
        now = time.monotonic()
        if child.start_again_at is None:
            pause = child.pause()
            child.start_again_at = now + pause
            what = f"ended ({_how(child.process.returncode)}); it starts again in {pause:.0f} s"
            self.console.line(child.name, what)
        elif now >= child.start_again_at:
            child.process = child.start()
            self._started(child, lambda line: self.console.line(child.name, line))

    def _started(self, child: Child, hear: Callable[[str], None]) -> None:
        child.started_at, child.start_again_at = time.monotonic(), None
        if child.process.stdout:
            voice = Voice(child.process.stdout, hear)
            self.listen(voice.pipe, lambda: self._hear(voice))

    def _hear(self, voice: Voice) -> None:
        if not voice.read():
            self.silence(voice.pipe)

    def _read_rest(self, child: Child) -> None:
        pipe = child.process.stdout
        while pipe and not pipe.closed:
            self._selector.get_key(pipe).data()

    def stop_all(self) -> None:
        """The last that was started goes first. Another interrupt ends the patience."""
        for child in reversed(self.children):
            stop(child.process, child.stop_signal, PATIENCE if self.interrupts < 2 else IMPATIENCE)
        self.children.clear()


class Voice:
    """The output of a process, line by line."""

    def __init__(self, pipe: IO[bytes], hear: Callable[[str], None]) -> None:
        self.pipe, self.hear, self.unfinished = pipe, hear, b""

    def read(self) -> bool:
        """False at the end."""
        new = os.read(self.pipe.fileno(), 65536)
        *lines, self.unfinished = (self.unfinished + new).split(b"\n")
        for line in lines if new else [self.unfinished]:
            if line.strip():
                self.hear(line.decode(errors="replace").rstrip())
        return bool(new)


def _how(exit_code: int) -> str:
    return f"killed by signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
