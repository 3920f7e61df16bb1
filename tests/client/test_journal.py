"""What is on disk survives the process, whole rows only, each of them sent once."""

import json
import math
import resource
import signal
import subprocess
import sys
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmhub.client import Client, columns, flush_leftover, wire
from llmhub.client.journal import Batch, Journal
from llmhub.client.rows import checked
from tests.client.hub import OK, TroubledHub, first

TRAINER = """
import os, sys
from llmhub.client import Client
client = Client(sys.argv[1], 7, "secret", sys.argv[2])
for step in range(int(sys.argv[3]), 10**9):
    client.log(step, {"a": step})
    print(step, flush=True)
"""


def row(journal, step):
    shape = journal.shape(("a",)) or journal.learn(("a",))
    return checked(shape.pack(shape.head, step, 1.0, float(step)))


def table(journal, steps):
    shape = journal.shape(("b",)) or journal.learn(("b",))
    values = [float(step) for step in steps]
    return columns.records(columns.table(steps, values, {"b": values}), shape)


def steps_of(batch):
    return array("q", wire.columns(batch.parts).steps).tolist()


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


@pytest.mark.parametrize(("cut", "zeros"), [(1, 0), (8, 0), (39, 0), (0, 40), (16, 24), (32, 8)])
def test_a_torn_last_record_is_passed_over(tmp_path, cut, zeros):
    journal = Journal(tmp_path)
    whole = [row(journal, step) for step in (1, 2, 3)]
    for record in whole:
        journal.append(record)
    journal.close()
    path = tmp_path / "rows.bin"
    torn = path.read_bytes()[: -len(whole[0]) + cut]
    path.write_bytes(torn + bytes(zeros))
    with TroubledHub() as hub:
        with Client(hub.url, 7, "secret", tmp_path) as client:
            client.log(4, {"a": 4})
        assert hub.rows() == [(1, {"a": 1.0}), (2, {"a": 2.0}), (4, {"a": 4.0})]


def test_what_a_supervisor_may_not_deliver_is_reported(tmp_path):
    with TroubledHub(lambda body: (401, {})) as hub:
        client = Client(hub.url, 7, "secret", tmp_path)
        client.log(1, {"a": 1})
        client.close()
        assert not flush_leftover(tmp_path, hub.url, 7, "secret", timeout=1)


def test_a_leftover_is_tried_again_until_the_time_is_over(tmp_path):
    with TroubledHub(first(*[(503, {})] * 3)) as hub:
        journal = Journal(tmp_path)
        journal.append(row(journal, 1))
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
    records = [row(journal, step) for step in range(300)]
    assert all(journal.append(record) for record in records[:299])
    assert journal.is_behind()
    assert (tmp_path / "rows.bin").stat().st_size == 4096
    small_disk()
    journal.append(records[299])
    assert not journal.is_behind()
    assert (tmp_path / "rows.bin").read_bytes() == b"".join(records)


def test_a_full_disk_costs_rows_at_last_but_never_the_training(tmp_path, small_disk, caplog):
    with TroubledHub() as hub:
        client = Client(hub.url, 7, "secret", tmp_path)
        many = {f"m/{number}": 1.0 for number in range(400)}
        for step in range(2000):
            client.log(step, many)
        small_disk()
        assert client.close()
        troubles = client.troubles
        assert set(troubles) == {"disk_full", "lost_rows"}
        assert len(hub.rows()) == 2000 - troubles["lost_rows"]
        assert len(caplog.records) == 2


class World:
    """A journal that is written, sent and torn away, and the batches that a hub counts."""

    def __init__(self, folder) -> None:
        self.folder, self.journal = folder, Journal(folder)
        self.written = 0
        self.taken: dict[int, Batch] = {}

    def log(self):
        self.journal.append(row(self.journal, self.written))
        self.written += 1

    def log_columns(self):
        for record in table(self.journal, range(self.written, self.written + 7)):
            self.journal.append(record)
        self.written += 7

    def crash(self):
        self.journal.close()
        self.journal = Journal(self.folder)

    def split(self):
        batch = self.journal.next_batch(max_rows=3)
        if batch and batch.rows > 1 and batch.number not in self.taken:
            self.journal.split(batch)

    def lose_the_answer(self):
        if batch := self.journal.next_batch(max_rows=3):
            self.taken.setdefault(batch.number, batch)
        return batch

    def send(self):
        if batch := self.lose_the_answer():
            self.journal.acknowledge(batch)
        return batch

    def steps(self):
        return [step for number in sorted(self.taken) for step in steps_of(self.taken[number])]


EVENTS = ["log", "log_columns", "lose_the_answer", "send", "split", "crash"]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_whatever_happens_in_whatever_order_every_row_counts_once(tmp_path_factory, events):
    world = World(tmp_path_factory.mktemp("journal"))
    for event in events:
        getattr(world, event)()
    while world.send():
        pass
    assert world.steps() == list(range(world.written))
    assert (world.journal.taken, world.journal.refused) == (world.written, 0)
    assert world.journal.unsent_points() == 0
    world.journal.close()


def old_line(step):
    return json.dumps([step, 1.0, {"a": "NaN" if step == 2 else step}]) + "\n"


def test_what_an_older_client_left_is_sent_first_and_its_sealed_batch_as_it_was(tmp_path):
    lines = [old_line(step) for step in range(6)]
    (tmp_path / "rows.jsonl").write_text("".join(lines) + lines[0][:7])
    ends = [sum(map(len, lines[:count])) for count in range(7)]
    (tmp_path / "acked").write_text(f"{4:020d} {0:020d} {ends[1]:020d}\n")
    (tmp_path / "sealed").write_text(f"{5:020d} {ends[1]:020d} {ends[4]:020d}\n")
    with TroubledHub() as hub:
        with Client(hub.url, 7, "secret", tmp_path) as client:
            client.log(9, {"a": 9})
        assert [(body["batch"], body["steps"]) for body in hub.requests[:2]] == [
            (5, [1, 2, 3]),
            (6, [4, 5]),
        ]
        assert math.isnan(hub.requests[0]["series"]["a"][1])
        assert hub.requests[2]["steps"] == [9]
        assert hub.requests[2]["batch"] > 10**6
        hub.requests.clear()
        assert flush_leftover(tmp_path, hub.url, 7, "secret")
        assert hub.requests == []
