"""What is on disk survives the process, whole rows only, each of them sent once."""

import json
import resource
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmhub.client import Client, flush_leftover
from llmhub.client.journal import Batch, Journal
from tests.client.hub import OK, TroubledHub, first

TRAINER = """
import os, sys
from llmhub.client import Client
client = Client(sys.argv[1], 7, "secret", sys.argv[2])
for step in range(int(sys.argv[3]), 10**9):
    client.log(step, {"a": step})
    print(step, flush=True)
"""


def train_until_killed(hub, folder, start, seen):
    """A process that logs as fast as it can, killed after `seen`; the last step it printed."""
    arguments = [sys.executable, "-c", TRAINER, hub.url, str(folder), str(start)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as trainer:
        assert trainer.stdout
        for line in trainer.stdout:
            if int(line) >= seen:
                trainer.send_signal(signal.SIGKILL)
                break
        last = [int(line) for line in trainer.stdout if line.endswith("\n")]
    return last[-1] if last else seen


def test_a_killed_trainer_leaves_nothing_unsent_and_nothing_is_counted_twice(tmp_path):
    with TroubledHub() as hub:
        printed: list[int] = []
        for start in (0, 10**6, 2 * 10**6):
            last = train_until_killed(hub, tmp_path, start, start + 2000)
            printed += range(start, last + 1)
        assert flush_leftover(tmp_path, hub.url, 7, "secret", timeout=20)
        steps = [step for step, _ in hub.rows()]
        assert steps == sorted(set(steps))
        # The last row of each may have been written and its step not printed any more.
        assert set(printed) <= set(steps)
        assert len(steps) <= len(printed) + 3


def test_a_batch_that_was_sealed_is_sent_again_with_its_number_and_its_rows(tmp_path):
    with TroubledHub(lambda body: (500, {})) as hub:
        client = Client(hub.url, 7, "secret", tmp_path)
        client.log(1, {"a": 1})
        hub.wait_for(lambda: hub.requests)
        client.log(2, {"a": 2})
        client.close(timeout=0)
        sealed = hub.requests[0]
        hub.answer = lambda body: OK
        hub.requests.clear()
        assert flush_leftover(tmp_path, hub.url, 7, "secret", timeout=5)
        assert hub.requests[0] == sealed
        assert hub.rows() == [(1, {"a": 1.0}), (2, {"a": 2.0})]


def test_a_journal_that_was_sent_is_not_sent_again(tmp_path):
    with TroubledHub() as hub:
        with Client(hub.url, 7, "secret", tmp_path) as client:
            client.log(1, {"a": 1})
        hub.requests.clear()
        assert flush_leftover(tmp_path, hub.url, 7, "secret")
        assert hub.requests == []
        with Client(hub.url, 7, "secret", tmp_path) as client:
            client.log(2, {"a": 2})
        assert [body["batch"] for body in hub.requests] == [2]


def test_a_torn_last_line_is_passed_over(tmp_path):
    whole = json.dumps([1, 1.0, {"a": 1.0}]) + "\n"
    (tmp_path / "rows.jsonl").write_text(whole + whole[:9])
    with TroubledHub() as hub:
        with Client(hub.url, 7, "secret", tmp_path) as client:
            client.log(2, {"a": 2})
        assert hub.rows() == [(1, {"a": 1.0}), (2, {"a": 2.0})]


def test_what_a_supervisor_may_not_deliver_is_reported(tmp_path):
    with TroubledHub(lambda body: (401, {})) as hub:
        client = Client(hub.url, 7, "secret", tmp_path)
        client.log(1, {"a": 1})
        client.close()
        assert not flush_leftover(tmp_path, hub.url, 7, "secret", timeout=1)


def test_a_leftover_is_tried_again_until_the_time_is_over(tmp_path):
    with TroubledHub(first(*[(503, {})] * 3)) as hub:
        Journal(tmp_path).append(b'[1,1.0,{"a":1.0}]\n')
        assert flush_leftover(tmp_path, hub.url, 7, "secret", timeout=20)
        assert len(hub.requests) == 4


@pytest.fixture
def small_disk():
    """Files of this process may not grow beyond 4 KiB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


def test_rows_wait_in_memory_while_the_disk_is_full(tmp_path, small_disk):
    journal = Journal(tmp_path)
    lines = [b'[%d,1.0,{"train/loss":1.0}]\n' % step for step in range(300)]
    assert all(journal.append(line) for line in lines[:299])
    assert journal.is_behind()
    assert (tmp_path / "rows.jsonl").stat().st_size == 4096
    small_disk()
    journal.append(lines[299])
    assert not journal.is_behind()
    assert (tmp_path / "rows.jsonl").read_bytes() == b"".join(lines)


def test_a_full_disk_costs_rows_at_last_but_never_the_training(tmp_path, small_disk, caplog):
    with TroubledHub() as hub:
        client = Client(hub.url, 7, "secret", tmp_path)
        many = {f"metric/{number}": 1.0 for number in range(500)}
        for step in range(600):
            client.log(step, many)
        small_disk()
        assert client.close()
        troubles = client.troubles
        assert set(troubles) == {"disk_full", "lost_rows"}
        assert len(hub.rows()) == 600 - troubles["lost_rows"]
        assert len(caplog.records) == 2


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["log", "fail", "send", "crash"]), max_size=40))
def test_whatever_happens_in_whatever_order_every_row_counts_once(tmp_path_factory, events):
    folder = tmp_path_factory.mktemp("journal")
    journal, written = Journal(folder), 0
    taken: dict[int, Batch] = {}
    for event in [*events, "send", "send"]:
        if event == "log":
            journal.append(b'[%d,1.0,{"a":1.0}]\n' % written)
            written += 1
        elif event == "crash":
            journal.close()
            journal = Journal(folder)
        elif batch := journal.next_batch(max_rows=3):
            # The hub has it either way; the answer may be lost.
            taken.setdefault(batch.number, batch)
            if event == "send":
                journal.acknowledge(batch)
    while batch := journal.next_batch(max_rows=3):
        taken.setdefault(batch.number, batch)
        journal.acknowledge(batch)
    journal.close()
    steps = [row[0] for number in sorted(taken) for row in taken[number].rows]
    assert steps == list(range(written))
