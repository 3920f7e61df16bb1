"""Runs that cannot be lost: whatever dies, the run goes on, and its curve misses no point."""

from itertools import pairwise

import pytest

from llmhub.metrics import query
from llmhub.runs import services
from llmhub.runs.models import Run
from llmhub.runs.states import Outcome, State
from tests.factories import make_project, make_run
from tests.house import (
    await_attempt,
    await_checkpoint,
    await_state,
    await_step,
    make_long_run,
)
from tests.waiting import until
from workers.trainer import current_step

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]


def stop(run):
    """Ends the run as a person does, after its curve was proved whole."""
    services.stop(run)
    await_state(run, State.STOPPED)
    run.refresh_from_db()
    assert steps_with_a_loss(run) == list(range(1, run.step + 1))
    assert run.checkpoints.filter(step=run.step, removed_at=None).exists()


def steps_with_a_loss(run) -> list[int]:
    columns = query.points(run, names=["train/loss"])["columns"]
    points = zip(columns["steps"], columns["series"]["train/loss"], strict=True)
    return [step for step, loss in points if loss is not None]


def goes_on(run):
    run.refresh_from_db()
    await_step(run, run.step + 5)


def test_a_killed_trainer_goes_on_from_its_last_checkpoint(house, run):
    step = await_checkpoint(run)

    house.trainer(run).kill_session()

    second = await_attempt(run, 2)
    assert second.resumed_from_step >= step
    first = run.attempts.get(number=1)
    assert (first.outcome, first.exit_code) == (Outcome.KILLED, -9)
    goes_on(run)
    stop(run)


def test_a_killed_supervisor_is_replaced_and_the_trainer_does_not_notice(house, run):
    trainer, supervisor = house.trainer(run), house.supervisor(run)

    supervisor.kill_session()

    until(lambda: house.supervisor(run) != supervisor)
    goes_on(run)
    assert trainer.is_alive()
    assert run.attempts.count() == 1
    stop(run)


def test_supervisor_and_trainer_killed_together_go_on_from_the_last_checkpoint(house, run):
    await_checkpoint(run)

    house.supervisor(run).kill_session()
    house.trainer(run).kill_session()

    assert await_attempt(run, 2).resumed_from_step > 0
    goes_on(run)
    stop(run)


def test_a_killed_celery_worker_takes_no_training_with_it(house, run):
    trainer = house.trainer(run)

    house.kill("celery")

    goes_on(run)
    assert trainer.is_alive()
    services.stop(run)
    await_state(run, State.STOPPED)

    other = make_run(run.project)
    house.start("celery")
    await_state(other, State.SUCCEEDED)


def test_a_restarted_web_process_loses_no_point(house, run):
    trainer = house.trainer(run)

    house.kill("web")
    before = Run.objects.get().step
    until(lambda: trainer_step(house, run) > before + 20)
    house.start("web")

    goes_on(run)
    assert house.trainer(run) == trainer
    stop(run)


def test_redis_may_die_and_forget_everything(house, run):
    house.kill("valkey")
    goes_on(run)
    stop(run)

    queued = make_run(run.project)
    await_state(queued, State.SUCCEEDED)
    house.start("valkey")
    again = make_run(run.project)
    await_state(again, State.SUCCEEDED)


def test_the_whole_hub_may_die_and_come_back(house, run):
    trainer, supervisor = house.trainer(run), house.supervisor(run)

    house.kill()
    before = trainer_step(house, run)
    until(lambda: trainer_step(house, run) > before + 20)
    house.start()

    goes_on(run)
    assert (trainer.is_alive(), supervisor.is_alive()) == (True, True)
    assert run.attempts.count() == 1
    stop(run)


def test_a_third_kill_without_progress_is_the_last(house):
    run = make_long_run()
    house.start()
    for number in (1, 2, 3):
        await_attempt(run, number)
        house.trainer(run, number).kill_session()

    await_state(run, State.FAILED)
    run.refresh_from_db()
    assert run.cause == "gave_up"
    assert run.attempts.count() == 3


def test_a_hub_that_goes_down_in_order_pauses_its_runs_and_they_go_on(house, run):
    waiting = make_run(run.project)

    output = house.command("pause_runs")
    assert "All runs are paused." in output
    run.refresh_from_db()
    step = run.step
    assert (run.state, run.cause) == (State.PAUSED, "hub_shutdown")
    assert Run.objects.get(pk=waiting.pk).state == State.PAUSED
    house.kill()
    house.start("valkey")
    assert "Resumed: 2" in house.command("resume_runs")
    house.start("web", "celery", "housekeeping")

    assert await_attempt(run, 2).resumed_from_step == step
    goes_on(run)
    stop(run)
    await_state(waiting, State.SUCCEEDED)


def test_runs_take_turns_on_one_slot(house):
    project = make_project()
    runs = [make_run(project) for _ in range(3)]
    house.start()

    for run in runs:
        await_state(run, State.SUCCEEDED)

    ends = [run.attempts.get() for run in runs]
    for earlier, later in pairwise(ends):
        assert earlier.ended_at <= later.claimed_at


def test_a_person_pauses_and_resumes_a_training(house, run):
    services.pause(run)
    await_state(run, State.PAUSED)
    run.refresh_from_db()
    step = run.step

    services.resume(run)

    assert await_attempt(run, 2).resumed_from_step == step
    goes_on(run)
    stop(run)


def trainer_step(house, run) -> int:
    """As the trainer itself says, for the hub may be down."""
    return current_step(house.place(run)) or 0
