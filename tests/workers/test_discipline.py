import os
import sys
import time

import pytest

from llmhub.lib.rundir import AttemptDir, write_json
from tests.waiting import until
from workers import discipline
from workers.discipline import Discipline
from workers.process import Identity, start_apart
from workers.trainer import Trainer

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""
WILLING = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def place(tmp_path):
    return AttemptDir(tmp_path)


@pytest.fixture
def start(place):
    started = []

    def start(program):
        child = start_apart([sys.executable, "-c", program], os.environ, place.log)
        started.append(child)
        until(lambda: "up" in place.log.read_text())
        return Trainer(Identity.of(child.pid), child)

    yield start
    for child in started:
        child.kill()
        child.wait()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(discipline, "OBEY_WITHIN", 0.0)
    monkeypatch.setattr(discipline, "LEAVE_WITHIN", 0.0)
    monkeypatch.setattr(discipline, "END_WITHIN", 0.2)


def enforced(trainer, place, want):
    rule = Discipline(place)

    def ended():
        rule.enforce(trainer, want)
        return not trainer.is_alive()

    until(ended)
    return trainer.exit_code()


def test_a_trainer_that_should_work_is_left_alone(start, place, impatient):
    trainer = start(WILLING)
    rule = Discipline(place)
    for _ in range(3):
        rule.enforce(trainer, "run")
    assert trainer.is_alive()


def test_one_that_has_just_been_asked_has_time(start, place):
    trainer = start(WILLING)
    Discipline(place).enforce(trainer, "stop")
    assert trainer.is_alive()


@pytest.mark.parametrize("want", ["stop", "pause"])
def test_one_that_does_not_obey_is_asked_by_a_signal(start, place, impatient, want):
    assert enforced(start(WILLING), place, want) == -15


def test_one_that_does_not_hear_that_either_is_killed(start, place, impatient):
    assert enforced(start(DEAF), place, "stop") == -9


def test_one_that_has_told_its_result_and_hangs_is_ended(start, place, impatient):
    write_json(place.result, {"outcome": "succeeded"})
    assert enforced(start(WILLING), place, "run") == -15


def test_one_that_saves_or_evaluates_is_left_alone_until_it_is_done(start, place, impatient):
    trainer = start(WILLING)
    rule = Discipline(place)
    place.busy.touch()
    ending = time.monotonic() + 1
    while time.monotonic() < ending:
        rule.enforce(trainer, "pause")
        time.sleep(0.05)
    assert trainer.is_alive()

    place.busy.unlink()
    assert enforced(trainer, place, "pause") == -15


def test_one_that_hangs_while_it_saves_is_ended_all_the_same(start, place, impatient):
    place.busy.touch()
    long_ago = time.time() - discipline.BUSY_WITHIN
    os.utime(place.busy, (long_ago, long_ago))
    assert enforced(start(WILLING), place, "pause") == -15


def test_long_steps_earn_a_longer_time(place):
    write_json(place.progress, {"step": 10, "seconds": 600.0})
    assert Discipline(place)._limit("stop") == discipline.OBEY_STEPS * 60
