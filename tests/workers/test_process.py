import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.waiting import until
from workers.process import ROOT, Identity, find, start_apart

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleeper(tmp_path):
    child = start_apart([*SLEEP, str(tmp_path)], os.environ, tmp_path / "log")
    yield child
    child.kill()
    child.wait()


def identity_of(child: subprocess.Popen) -> Identity:
    identity = Identity.of(child.pid)
    assert identity is not None
    return identity


def test_a_process_is_found_again_after_it_was_written_down(sleeper, tmp_path):
    identity = identity_of(sleeper)
    identity.write(tmp_path / "identity")

    assert Identity.read(tmp_path / "identity") == identity
    assert identity.is_alive()


def test_another_process_with_the_same_pid_is_another(sleeper):
    identity = identity_of(sleeper)

    assert not replace(identity, start_time=identity.start_time - 1).is_alive()
    assert not replace(identity, boot_id="of the boot before").is_alive()


def test_another_process_with_the_same_pid_is_not_killed(sleeper):
    identity = identity_of(sleeper)

    replace(identity, start_time=identity.start_time - 1).kill_session()
    replace(identity, boot_id="of the boot before").kill_session()
    replace(identity, start_time=identity.start_time - 1).terminate()

    assert identity.is_alive()


def test_a_zombie_is_dead(sleeper):
    identity = identity_of(sleeper)

    sleeper.kill()

    until(lambda: not identity.is_alive())
    assert sleeper.returncode is None
    os.kill(sleeper.pid, 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "start_time": 1}'])
def test_a_torn_record_names_nobody(tmp_path, text):
    (tmp_path / "identity").write_text(text)
    assert Identity.read(tmp_path / "identity") is None


def test_a_process_is_found_by_the_end_of_its_command_line(sleeper, tmp_path):
    # The kernel shows the command line a moment after the process started.
    assert until(lambda: find([SLEEP[-1], str(tmp_path)])) == Identity.of(sleeper.pid)
    assert find([SLEEP[-1], str(tmp_path / "other")]) is None


def test_a_process_with_brackets_and_spaces_in_its_name_is_read_right(tmp_path):
    odd = tmp_path / "a) R 1 (b"
    odd.symlink_to("/bin/sleep")
    child = subprocess.Popen([odd, "600"])
    try:
        assert identity_of(child).is_alive()
    finally:
        child.kill()
        child.wait()


def test_a_process_started_apart_has_its_own_session_and_writes_to_its_log(tmp_path):
    program = "import os, sys; print(os.getsid(0) == os.getpid(), os.getcwd(), sys.stdin.read())"
    child = start_apart([sys.executable, "-c", program], os.environ, tmp_path / "log")
    assert child.wait(timeout=60) == 0
    assert (tmp_path / "log").read_text() == f"True {ROOT} \n"


def test_it_inherits_no_file(tmp_path):
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        program = "import os; print(sorted(os.listdir('/proc/self/fd'))[:4])"
        start_apart([sys.executable, "-c", program], os.environ, tmp_path / "log").wait(timeout=60)
    # The fourth is the listing itself.
    assert (tmp_path / "log").read_text() == "['0', '1', '2', '3']\n"
