"""Processes that outlive whoever started them: started apart, and found again for certain.

A pid alone names nobody: the kernel gives it out again. The pid with the start time (in ticks
since boot) and the boot's id names one process for ever.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from llmhub.lib.rundir import write_json

PROC = Path("/proc")
# The folder of the code: modules are found from here, whatever the environment says.
ROOT = Path(__file__).resolve().parent.parent
# Fields of /proc/PID/stat after the name in brackets, counted from 0.
STATE, START_TIME = 0, 19


@dataclass(frozen=True)
class Identity:
    pid: int
    start_time: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        fields = stat(pid)
        return None if fields is None else cls(pid, int(fields[START_TIME]), boot_id())

    @classmethod
    def read(cls, path: Path) -> Identity | None:
        try:
            values = json.loads(path.read_text())
            return cls(int(values["pid"]), int(values["start_time"]), str(values["boot_id"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    def is_alive(self) -> bool:
        """A zombie is dead: nobody may ever wait for it, as in a container without an init."""
        fields = stat(self.pid)
        if fields is None or fields[STATE] in {"Z", "X"}:
            return False
        return int(fields[START_TIME]) == self.start_time and boot_id() == self.boot_id

    def terminate(self) -> None:
        if self.is_alive():
            _kill(self.pid, signal.SIGTERM)

    def kill_session(self) -> None:
        """Ends the process and its children, which share its group, or what is left of them.

        The kernel gives no pid out again while a group still bears it.
        """
        fields = stat(self.pid)
        is_another = fields is not None and int(fields[START_TIME]) != self.start_time
        if not is_another and boot_id() == self.boot_id:
            _kill(-self.pid, signal.SIGKILL)


def stat(pid: int) -> list[str] | None:
    """The name of a process may hold spaces and brackets: what counts follows the last one."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, UnicodeDecodeError):
        return None


def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def find(arguments: Sequence[str]) -> Identity | None:
    """The process whose command line ends with `arguments`."""
    return next(find_all(arguments), None)


def find_all(arguments: Sequence[str]) -> Iterator[Identity]:
    tail = [os.fsencode(argument) for argument in arguments]
    for entry in PROC.iterdir():
        if entry.name.isdigit() and _command_line(entry)[-len(tail) :] == tail:
            found = Identity.of(int(entry.name))
            if found is not None and found.is_alive():
                yield found


def _command_line(entry: Path) -> list[bytes]:
    try:
        return (entry / "cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return []


def start_apart(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Starts a process in a session of its own; it writes to a file and inherits nothing else."""
    with log.open("ab") as output:
        return subprocess.Popen(
            list(arguments),
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def reset_signals() -> None:
    """A child of Celery inherits signals that are ignored or held back, and so would its own."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) == signal.SIG_IGN and number != signal.SIGPIPE:
            signal.signal(number, signal.SIG_DFL)


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
