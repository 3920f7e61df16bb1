import json
import os
import stat

import pytest

from llmhub.metrics.models import Batch, LogChunk
from llmhub.runs import checkpoints, services
from llmhub.runs.models import Checkpoint
from llmhub.runs.states import Outcome, State
from tests.factories import make_attempt
from tests.waiting import until
from tests.workers.conftest import kill
from workers import process


def log_of(attempt):
    return "".join(LogChunk.objects.filter(attempt=attempt).values_list("text", flat=True))


def test_a_run_that_trains_to_its_end_succeeds_and_the_hub_has_everything(case):
    case.script("work 1", "save 1", "sample 1", "work 3", "sample 3", "end succeeded")

    case.finish()

    assert (case.run.state, case.run.step, case.run.cause) == (State.SUCCEEDED, 3, "")
    assert (case.attempt.outcome, case.attempt.exit_code) == (Outcome.SUCCEEDED, 0)
    assert log_of(case.attempt) == case.place.log.read_text() == "step 1 – ünï\nstep 3 – ünï\n"
    checkpoint = Checkpoint.objects.get()
    assert (checkpoint.step, checkpoint.val_loss) == (1, 1.5)
    assert checkpoint.path == str(case.place.checkpoints / "step-1")
    written = case.run.samples.order_by("step").values_list("step", "text")
    assert [*written] == [(1, "é?"), (3, "é?")]
    assert json.loads(case.place.finished.read_text())["outcome"] == "succeeded"


def test_the_secret_is_readable_by_nobody_else(case):
    assert stat.S_IMODE(case.place.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(case.place.secret.stat().st_mode) == 0o600


def test_the_trainer_sees_no_secret_of_the_hub(case, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    case.script("end succeeded")

    case.finish()

    seen = json.loads((case.place.path / "environment.json").read_text())
    assert not {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "AWS_SECRET_ACCESS_KEY"} & seen.keys()
    assert {"PATH", "OMP_NUM_THREADS"} <= seen.keys()


def test_a_person_stops_a_run(case):
    case.script("work 2", "await_want stop", "save 2", "end stopped")
    supervisor = case.supervise()
    case.await_run(state=State.RUNNING, step=2)

    services.stop(case.run)

    assert supervisor.wait(timeout=60) == 0
    assert case.has(state=State.STOPPED, cause="stopped_by_person")
    assert Checkpoint.objects.get().step == 2


def test_a_person_pauses_a_run_and_takes_it_back(case):
    case.script("work 2", "await_want pause", "await_want run", "work 3", "end succeeded")
    supervisor = case.supervise()
    case.await_run(state=State.RUNNING)

    services.pause(case.run)
    case.await_run(state=State.STOPPING)
    services.resume(case.run)

    assert supervisor.wait(timeout=60) == 0
    assert case.has(state=State.SUCCEEDED)


def test_the_trainer_hears_which_checkpoints_stay(case):
    case.place.pinned.write_text("[7]")  # of an earlier attempt; it is not pinned any more
    case.script("save 2", "work 2", "wait_for go", "end succeeded")
    supervisor = case.supervise()
    case.await_run(state=State.RUNNING)
    assert json.loads(case.place.pinned.read_text()) == []

    checkpoint = until(Checkpoint.objects.first)
    checkpoints.pin(checkpoint, pinned=True)

    until(lambda: json.loads(case.place.pinned.read_text()) == [2])
    case.allow("go")
    assert supervisor.wait(timeout=60) == 0


def test_the_steps_are_as_many_as_the_trainer_counts(case):
    case.script("count 72", "wait_for go", "end succeeded")
    supervisor = case.supervise()
    case.await_run(state=State.RUNNING, step=0, total_steps=72)
    case.allow("go")
    assert supervisor.wait(timeout=60) == 0


def test_a_run_that_was_stopped_before_its_trainer_started_never_starts(case):
    services.stop(case.run)

    case.finish()

    assert case.run.state == State.STOPPED
    assert case.starts() == []


def test_a_failure_keeps_the_trainers_words(case):
    case.script("work 3", "fail bad_data")

    case.finish()

    assert (case.run.state, case.run.cause, case.run.message) == (State.FAILED, "bad_data", "why ?")


def test_a_crash_shows_the_end_of_the_log(case):
    case.script("work 3", "crash 7")

    case.finish()

    assert (case.run.state, case.run.cause, case.run.step) == (State.FAILED, "crashed", 3)
    assert "Traceback: it broke here" in case.run.message
    assert case.attempt.exit_code == 7


@pytest.mark.parametrize(("end", "code"), [("die 9", -9), ("crash 137", 137)])
def test_a_killed_trainer_puts_its_run_back_into_the_queue(case, end, code):
    case.script("work 3", "save 3", end)

    case.finish()

    assert (case.run.state, case.run.cause) == (State.QUEUED, "killed")
    assert (case.attempt.outcome, case.attempt.exit_code) == (Outcome.KILLED, code)
    assert Checkpoint.objects.get().step == 3


def test_numbers_that_a_killed_trainer_left_behind_are_brought_to_the_hub(case):
    case.script("log_and_die now")

    case.finish()

    assert Batch.objects.get().attempt == case.attempt


def test_what_a_dead_trainer_started_dies_with_it(case):
    case.script("spawn child", "die 9")

    case.finish()

    child = int((case.place.path / "child").read_text())
    until(lambda: (process.stat(child) or ["Z"])[process.STATE] == "Z")


def test_bytes_that_are_no_text_keep_their_place_in_the_log(case):
    case.script(r"write_bytes a\xff\xc3b\x00\n", "work 1", r"write_bytes \xe2\x82", "end succeeded")

    case.finish()

    assert log_of(case.attempt) == "a??b?\nstep 1 – ünï\n??"
    assert LogChunk.objects.last().end == case.place.log.stat().st_size


class TestASupervisorThatDies:
    def test_leaves_its_trainer_at_work_and_the_next_one_adopts_it(self, case):
        case.script("work 1", "wait_for go", "work 3", "end succeeded")
        supervisor = case.supervise()
        case.await_run(state=State.RUNNING)
        trainer = case.trainer()

        kill(supervisor)
        assert trainer.is_alive()
        case.allow("go")
        case.finish()

        assert case.starts() == [str(trainer.pid)]
        assert (case.run.state, case.run.step) == (State.SUCCEEDED, 3)
        assert log_of(case.attempt) == case.place.log.read_text()

    def test_before_it_wrote_down_whom_it_started_still_has_one_trainer(self, case):
        case.script("wait_for go", "end succeeded")
        supervisor = case.supervise()
        case.trainer()
        kill(supervisor)
        case.place.trainer.unlink()

        case.supervise()
        until(case.place.trainer.exists)
        case.allow("go")

        case.await_run(state=State.SUCCEEDED)
        assert len(case.starts()) == 1

    def test_and_a_trainer_of_which_only_the_result_is_left_are_both_accounted_for(self, case):
        case.script("wait_for go", "end succeeded")
        supervisor = case.supervise()
        trainer = case.trainer()
        kill(supervisor)
        case.place.trainer.unlink()
        case.allow("go")
        until(lambda: not trainer.is_alive())

        case.finish()

        assert case.run.state == State.SUCCEEDED
        assert len(case.starts()) == 1

    def test_does_not_hide_an_end_that_nobody_saw(self, case):
        case.script("wait_for go", "end succeeded")
        supervisor = case.supervise()
        trainer = case.trainer()
        kill(supervisor)
        case.allow("go")
        until(lambda: not trainer.is_alive())

        case.finish()

        assert case.run.state == State.SUCCEEDED
        assert case.attempt.exit_code is None

    def test_does_not_hide_that_its_trainer_was_killed_too(self, case):
        case.script("work 1", "wait_for never")
        supervisor = case.supervise()
        trainer = case.trainer()
        kill(supervisor)
        trainer.kill_session()
        until(lambda: not trainer.is_alive())

        case.finish()

        assert (case.run.state, case.attempt.outcome) == (State.QUEUED, Outcome.KILLED)
        assert len(case.starts()) == 1

    def test_by_sigterm_leaves_its_trainer_at_work_as_well(self, case):
        case.script("work 1", "wait_for go", "end succeeded")
        supervisor = case.supervise()
        trainer = case.trainer()

        supervisor.terminate()
        supervisor.wait()

        assert trainer.is_alive()


def test_two_supervisors_start_one_trainer(case):
    case.script("wait_for go", "end succeeded")
    first = case.supervise()
    trainer = case.trainer()

    assert case.supervise().wait(timeout=60) == 0
    assert first.poll() is None
    assert trainer.is_alive()

    case.allow("go")
    assert first.wait(timeout=60) == 0
    assert len(case.starts()) == 1


def test_a_finished_attempt_is_not_begun_again(case):
    case.script("end succeeded")
    case.finish()

    assert case.supervise().wait(timeout=60) == 0
    assert len(case.starts()) == 1


def test_a_replaced_attempt_is_ended_with_its_children(case):
    case.script("spawn child", "work 1", "wait_for never")
    supervisor = case.supervise()
    case.await_run(state=State.RUNNING)
    trainer, child = case.trainer(), int((case.place.path / "child").read_text())

    make_attempt(case.run, State.RUNNING)

    assert supervisor.wait(timeout=60) == 0
    assert not trainer.is_alive()
    until(lambda: (process.stat(child) or ["Z"])[process.STATE] == "Z")
    assert json.loads(case.place.finished.read_text()) == {"outcome": "stale"}
    assert case.has(state=State.RUNNING)


class TestAHubOutOfReach:
    def test_does_not_disturb_the_training_and_hears_of_it_later(self, case, gate):
        case.script("work 1", "wait_for go", "save 3", "work 3", "end succeeded")
        supervisor = case.supervise()
        case.await_run(state=State.RUNNING)
        trainer = case.trainer()

        gate.shut()
        case.allow("go")
        until(lambda: not trainer.is_alive())
        assert supervisor.poll() is None
        assert case.has(state=State.RUNNING)
        gate.open()

        assert supervisor.wait(timeout=60) == 0
        assert case.has(state=State.SUCCEEDED, step=3)
        assert log_of(case.attempt) == case.place.log.read_text()
        assert Checkpoint.objects.get().step == 3

    def test_starts_nothing_before_it_has_confirmed_the_attempt(self, case, gate):
        case.script("end succeeded")
        gate.shut()
        supervisor = case.supervise()
        until(lambda: "out of reach" in case.place.supervisor_log.read_text())
        assert case.starts() == []

        gate.open()

        assert supervisor.wait(timeout=60) == 0
        assert case.has(state=State.SUCCEEDED)

    def test_that_refuses_to_listen_is_out_of_reach_as_well(self, case, settings):
        """As one does whose own address is not among those that it answers to."""
        case.script("work 1", "wait_for go", "end succeeded")
        supervisor = case.supervise()
        case.await_run(state=State.RUNNING)
        answers_to, settings.ALLOWED_HOSTS = settings.ALLOWED_HOSTS, ["elsewhere.example.com"]
        until(lambda: "400" in case.place.supervisor_log.read_text())

        assert case.trainer().is_alive()
        assert supervisor.poll() is None

        settings.ALLOWED_HOSTS = answers_to
        case.allow("go")
        assert supervisor.wait(timeout=60) == 0
        assert case.has(state=State.SUCCEEDED)

    def test_that_does_not_know_the_attempt_any_more_ends_nothing_at_once(self, case):
        """Another hub may listen there for a while, or an old backup."""
        case.script("work 1", "wait_for go", "end succeeded")
        supervisor = case.supervise()
        case.await_run(state=State.RUNNING)
        type(case.attempt).objects.update(secret_hash="another")
        until(lambda: "out of reach" in case.place.supervisor_log.read_text())

        assert case.trainer().is_alive()
        assert supervisor.poll() is None

        type(case.attempt).objects.update(secret_hash=case.attempt.secret_hash)
        case.allow("go")
        assert supervisor.wait(timeout=60) == 0
        assert case.has(state=State.SUCCEEDED)


def test_a_supervisor_needs_no_torch_and_no_django(case):
    program = (
        "import sys, workers.supervisor; "
        "print([name for name in ('torch', 'django', 'celery', 'redis') if name in sys.modules])"
    )
    output = os.popen(f'cd {process.ROOT} && {os.sys.executable} -c "{program}"').read()  # noqa: S605
    assert output.strip() == "[]"
