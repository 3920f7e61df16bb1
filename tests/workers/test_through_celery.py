"""A queued run goes through the broker, a task, a supervisor and the real trainer."""

from pathlib import Path

import pytest

from llmhub.jobs.models import Dispatch
from llmhub.metrics.models import Series
from llmhub.runs.claim import CLAIM
from llmhub.runs.models import Worker
from llmhub.runs.states import State
from tests.factories import make_project, make_run
from tests.house import NODE, House, await_state
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


def test_a_run_trains_to_its_end_although_its_message_came_twice(house):
    run = make_run(make_project())
    messages = [Dispatch.objects.create(task=CLAIM) for _ in range(2)]
    house.start()

    await_state(run, State.SUCCEEDED)

    assert all(Dispatch.objects.get(pk=message.pk).relayed_at for message in messages)
    run.refresh_from_db()
    attempt = run.attempts.get()
    assert (attempt.number, attempt.worker.name, attempt.exit_code) == (1, NODE, 0)
    assert run.step == run.total_steps == 40
    assert run.checkpoints.filter(step=40).exists()
    loss = Series.objects.get(run=run, name="train/loss")
    assert loss.count == 40
    worker = Worker.objects.get()
    assert worker.versions["torch"]
    assert "libtorch" not in Path(f"/proc/{house.pid('celery')}/maps").read_text()
    assert "libtorch" not in Path(f"/proc/{house.pid('web')}/maps").read_text()


def test_without_a_message_and_without_redis_the_agent_finds_the_run(house):
    """Nothing here sends a message, and no Redis is there from the beginning."""
    run = make_run(make_project())

    house.start("web", "celery", "housekeeping")

    await_state(run, State.SUCCEEDED)


def test_housekeeping_sends_what_waits_and_ends_when_asked(house):
    Dispatch.objects.create(task=CLAIM)
    house.start("valkey", "housekeeping")
    until(lambda: Dispatch.objects.get().relayed_at)

    assert house.ask_to_end("housekeeping") == 0
