import json

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from redis import Redis

from llmhub.celery import app
from llmhub.jobs import outbox
from llmhub.jobs.models import Dispatch
from tests.accounts.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue():
    """A queue of this test's own on the real broker."""
    name = f"test-{timezone.now().timestamp()}"
    yield name
    broker().delete(name)


@pytest.fixture
def dead_redis(monkeypatch):
    """Nobody listens at the broker's address."""
    monkeypatch.setattr(
        app.conf, "broker_url", "redis+socket:///nowhere/valkey.sock?virtual_host=0"
    )


def broker() -> Redis:
    return Redis.from_url(settings.REDIS_URL)


def sent(queue: str) -> list[tuple[str, list]]:
    messages = [json.loads(raw) for raw in broker().lrange(queue, 0, -1)]
    return sorted(
        (message["headers"]["task"], json.loads(message["headers"]["argsrepr"]))
        for message in messages
    )


def test_a_task_is_sent_when_the_transaction_has_committed(queue):
    with transaction.atomic():
        outbox.enqueue("workers.tasks.probe", [7], queue)
        assert sent(queue) == []

    assert sent(queue) == [("workers.tasks.probe", [7])]
    assert Dispatch.objects.get().relayed_at is not None


def test_what_is_rolled_back_is_never_sent(queue):
    with transaction.atomic():
        outbox.enqueue("workers.tasks.probe", [7], queue)
        transaction.set_rollback(True)

    outbox.relay()

    assert sent(queue) == []


def test_without_redis_the_dispatch_waits_for_housekeeping(queue, dead_redis, monkeypatch):
    outbox.enqueue("workers.tasks.probe", [7], queue)
    assert outbox.relay() == 0
    assert Dispatch.objects.get().relayed_at is None

    monkeypatch.undo()
    assert outbox.relay() == 1

    assert sent(queue) == [("workers.tasks.probe", [7])]
    assert outbox.relay() == 0


def test_two_relays_at_once_send_each_task_once(queue):
    rows = [Dispatch(task="workers.tasks.probe", args=[n], queue=queue) for n in range(20)]
    Dispatch.objects.bulk_create(rows)

    counts = at_once(*[outbox.relay] * 4)

    assert sum(counts) == 20
    assert [args for _, args in sent(queue)] == [[n] for n in range(20)]


def test_old_dispatches_are_cleared_away_and_those_that_wait_are_kept(queue):
    long_ago = timezone.now() - 2 * outbox.KEEP_RELAYED
    waiting = Dispatch.objects.create(task="t", created_at=long_ago, queue=queue)
    fresh = Dispatch.objects.create(task="t", relayed_at=timezone.now(), queue=queue)
    Dispatch.objects.create(task="t", relayed_at=long_ago, queue=queue)

    outbox.tidy()

    assert set(Dispatch.objects.all()) == {waiting, fresh}
