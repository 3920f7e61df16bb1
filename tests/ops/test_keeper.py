"""The parent of all processes: passes on what they say, starts those again that die."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ops import keeper
from ops.keeper import Child, Keeper
from ops.process import spawn


class Listener:
    """Takes the place of the terminal."""

    def __init__(self):
        self.lines = []

    def line(self, name, text):
        self.lines.append((name, text))


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def watched(listener, monkeypatch):
    """A keeper; the signal handlers that it sets are taken back."""
    monkeypatch.setattr(keeper, "FIRST_PAUSE", 0.01)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in numbers}
    it = Keeper(listener)
    yield it
    it.stop_all()
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def python(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return spawn(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_what_a_child_says_comes_out_line_by_line(watched, listener):
    watched.keep("web", lambda: python("print('one\\ntwo', flush=True); input()"))
    watched.watch(lambda: len(listener.lines) >= 2)
    assert listener.lines[:2] == [("web", "one"), ("web", "two")]


def test_a_child_that_dies_is_started_again(watched, listener, tmp_path):
    code = "import sys; open(sys.argv[1], 'a').write('.'); sys.exit(3)"
    starts = tmp_path / "starts"
    starts.touch()
    watched.keep("worker", lambda: python(code, starts))
    watched.watch(lambda: starts.read_text().count(".") >= 3)
    assert ("worker", "ended (exit code 3); it starts again in 0 s") in listener.lines


def test_the_pause_grows_with_each_early_death_and_starts_over_after_a_long_life():
    child = Child("web", lambda: python("pass"), process=None, started_at=time.monotonic())
    assert [child.pause() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    child.started_at -= keeper.SETTLED_AFTER + 1
    assert child.pause() == 1


def test_a_command_is_heard_to_its_last_word(watched):
    heard = []
    code = (
        "import sys; print('word ' * 50_000); print('no newline at the end', end=''); sys.exit(4)"
    )
    assert watched.run(lambda: python(code), heard.append) == 4
    assert len(heard) == 2
    assert heard[1] == "no newline at the end"


def test_an_interrupt_ends_the_wait_for_a_command(watched):
    def start():
        process = python("import time; time.sleep(600)")
        os.kill(os.getpid(), signal.SIGINT)
        return process

    assert watched.run(start, print) == -signal.SIGTERM
    assert watched.interrupts == 1


def test_who_ignores_the_polite_signal_is_ended_by_force(watched, listener, monkeypatch):
    monkeypatch.setattr(keeper, "PATIENCE", 0.1)
    code = "from signal import *; signal(15, SIG_IGN); print('deaf', flush=True); pause()"
    child = watched.keep("web", lambda: python(code))
    watched.watch(lambda: ("web", "deaf") in listener.lines)
    watched.stop_all()
    assert child.process.returncode == -signal.SIGKILL
