"""The client against a hub that has good and bad days: every row arrives once, training goes on."""

import logging
import math
import struct
import threading
import time

import numpy as np
import pytest

from llmhub.client import Client, JournalInUse, flush_leftover
from llmhub.lib.batches import MAX_STEP
from tests.client.hub import OK, TroubledHub, first


@pytest.fixture
def opened(tmp_path):
    clients = []

    def open_client(hub, folder=tmp_path / "journal"):
        clients.append(Client(hub.url, 7, "secret", folder))
        return clients[-1]

    yield open_client
    for client in clients:
        client.close(timeout=0)


def log_all(client, steps):
    for step in steps:
        client.log(step, {"train/loss": step / 2})


def expected(steps):
    return [(step, {"train/loss": step / 2}) for step in steps]


def test_rows_arrive_with_the_attempts_token_over_one_connection(opened):
    with TroubledHub() as hub:
        client = opened(hub)
        client.log(1, {"train/loss": 2.5, "val/loss": 3}, time=1000.5)
        hub.wait_for(lambda: hub.taken)
        client.log(2, {"train/loss": 2.0}, time=1001.5)
        assert client.close()
        assert hub.requests[0] == {
            "batch": 1,
            "steps": [1],
            "times": [1000.5],
            "series": {"train/loss": [2.5], "val/loss": [3.0]},
        }
        assert [body["batch"] for body in hub.requests] == [1, 2]
        assert hub.headers[0]["path"] == "/api/v1/runs/7/points"
        assert hub.headers[0]["Authorization"] == "Bearer secret"
        assert hub.connections == 1
        assert client.troubles == {}


def test_a_row_is_stamped_with_the_time_of_the_call(opened):
    with TroubledHub() as hub:
        client = opened(hub)
        before = time.time()
        client.log(1, {"a": 1})
        client.close()
        assert before <= hub.requests[0]["times"][0] <= time.time()


def test_a_backlog_goes_in_few_batches_and_in_order(opened):
    with TroubledHub() as hub:
        client = opened(hub)
        log_all(client, range(10_000))
        assert client.close()
        assert hub.rows() == expected(range(10_000))
        assert len(hub.taken) < 50


def test_numbers_of_any_kind_are_taken(opened):
    class Tensor:
        def __float__(self):
            return 0.25

    values = {"a": 1, "b": True, "c": np.float32(0.5), "d": Tensor(), "e": math.nan}
    with TroubledHub() as hub:
        client = opened(hub)
        client.log(np.int64(3), values | {"f": math.inf, "g": -np.inf})
        client.close()
        [(step, found)] = hub.rows()
        assert math.isnan(found.pop("e"))
        infinite = {"f": math.inf, "g": -math.inf}
        assert (step, found) == (3, {"a": 1.0, "b": 1.0, "c": 0.5, "d": 0.25, **infinite})


class Explosive:
    def __float__(self):
        raise MemoryError("no number here")


@pytest.mark.parametrize(
    ("step", "values", "trouble"),
    [
        (1, {"a": "three"}, "bad_value"),
        (1, {"a": None}, "bad_value"),
        (1, {"a": 1j}, "bad_value"),
        (1, {"a": 10**400}, "bad_value"),
        (1, {"a": Explosive()}, "bad_value"),
        (1, {"no spaces": 1.0}, "bad_name"),
        (1, {7: 1.0}, "bad_name"),
        (1, {"x" * 201: 1.0}, "bad_name"),
        (-1, {"a": 1.0}, "bad_step"),
        (1.5, {"a": 1.0}, "bad_step"),
        ("1", {"a": 1.0}, "bad_step"),
        (MAX_STEP + 1, {"a": 1.0}, "bad_step"),
        (2**64, {"a": 1.0}, "bad_step"),
        ([], {"a": 1.0}, "bad_step"),
        (1, None, "lost_rows"),
    ],
)
def test_nonsense_is_left_out_counted_and_told_once(opened, caplog, step, values, trouble):
    with TroubledHub() as hub, caplog.at_level(logging.WARNING, "llmhub.client"):
        client = opened(hub)
        for _ in range(3):
            client.log(step, values)
        client.log(5, {"good": 1.0})
        assert client.close()
        assert hub.rows() == [(5, {"good": 1.0})]
        assert client.troubles == {trouble: 3}
        assert len(caplog.records) == 1


def test_one_bad_value_does_not_take_the_row_with_it(opened):
    with TroubledHub() as hub:
        client = opened(hub)
        client.log(1, {"good": 1.0, "bad": "x"})
        client.close()
        assert hub.rows() == [(1, {"good": 1.0})]


def test_a_batch_never_has_more_names_than_the_hub_takes(opened):
    with TroubledHub() as hub:
        client = opened(hub)
        for step in range(20):
            client.log(step, {f"m{step}/{number}": 1.0 for number in range(100)})
        assert client.close()
        assert len(hub.rows()) == 20
        assert max(len(body["series"]) for body in hub.requests) <= 500


@pytest.mark.parametrize("bad_day", [(500, {}), (503, {}), (429, {}), (302, {}), None])
def test_a_batch_is_repeated_as_it_was_until_the_hub_takes_it(opened, bad_day):
    with TroubledHub(first(bad_day, bad_day)) as hub:
        client = opened(hub)
        log_all(client, range(3))
        assert client.close()
        assert hub.rows() == expected(range(3))
        assert hub.requests[0] == hub.requests[1] == hub.requests[2]


def test_an_answer_that_was_lost_makes_the_hub_count_nothing_twice(opened):
    hub = TroubledHub()

    def lose_the_first_answer(body):
        lost = body["batch"] not in hub.taken
        hub.taken.setdefault(body["batch"], body)
        return None if lost else OK

    hub.answer = lose_the_first_answer
    with hub:
        client = opened(hub)
        log_all(client, range(5))
        assert client.close()
        assert hub.rows() == expected(range(5))


def test_the_client_waits_as_long_as_the_hub_asks(opened):
    with TroubledHub(first((503, {"Retry-After": "1"}))) as hub:
        client = opened(hub)
        client.log(1, {"a": 1})
        hub.wait_for(lambda: hub.taken)
        assert hub.times[1] - hub.times[0] >= 0.99


def test_waits_grow_while_the_hub_is_away(opened):
    with TroubledHub(first(*[(500, {})] * 4)) as hub:
        client = opened(hub)
        client.log(1, {"a": 1})
        hub.wait_for(lambda: hub.taken)
        waits = np.diff(hub.times)
        # Each is from half of to the whole of 0.4, 0.8, 1.6, 3.2 s.
        assert all(wait >= 0.2 * 2**turn for turn, wait in enumerate(waits))


@pytest.mark.parametrize("status", [401, 403, 404, 409])
def test_a_hub_that_takes_nothing_more_is_left_alone(opened, status):
    with TroubledHub(lambda body: (status, {})) as hub:
        client = opened(hub)
        client.log(1, {"a": 1})
        hub.wait_for(lambda: client.troubles)
        log_all(client, range(50))
        assert not client.close()
        assert len(hub.requests) == 1
        assert client.troubles == {"refused": 1}


def test_a_batch_that_the_hub_calls_wrong_is_set_aside_and_the_next_ones_go_on(opened, tmp_path):
    with TroubledHub(first(OK, (400, {}))) as hub:
        client = opened(hub)
        client.log(0, {"a": 0})
        hub.wait_for(lambda: hub.taken)
        client.log(1, {"a": 1})
        hub.wait_for(lambda: client.troubles)
        client.log(2, {"a": 2})
        assert client.close()
        assert hub.rows() == [(0, {"a": 0.0}), (2, {"a": 2.0})]
        assert client.troubles == {"set_aside": 1}
        number, start, end, _ = (tmp_path / "journal/refused").read_text().split(maxsplit=3)
        rows = (tmp_path / "journal/rows.bin").read_bytes()
        assert struct.pack("<q", 1) == rows[int(start) : int(end)][8:16]
        assert number == "2"


@pytest.mark.parametrize("status", [400, 415])
def test_an_older_hub_gets_json(opened, status):
    def answer(body):
        binary = hub.headers[-1]["Content-Type"] != "application/json"
        return (status, {}) if binary or len(body["steps"]) > 4000 else OK

    with TroubledHub(answer) as hub:
        client = opened(hub)
        client.log(1, {"a": math.nan, "b": math.inf, "c": -math.inf})
        for step in range(2, 6000):
            client.log(step, {"a": step, f"b/{step % 2}": 1})
        assert client.close()
        assert client.troubles == {}
        assert hub.rows()[:3] == [
            (1, {"a": "NaN", "b": "Infinity", "c": "-Infinity"}),
            (2, {"a": 2.0, "b/0": 1.0}),
            (3, {"a": 3.0, "b/1": 1.0}),
        ]
        assert [step for step, _ in hub.rows()] == list(range(1, 6000))
        forms = [headers["Content-Type"] for headers in hub.headers]
        assert forms.count("application/msgpack") == 1


def test_a_batch_that_is_wrong_in_both_forms_leaves_the_next_one_the_better_form(opened):
    with TroubledHub(first((400, {}), (422, {}))) as hub:
        client = opened(hub)
        client.log(1, {"a": 1})
        hub.wait_for(lambda: client.troubles)
        client.log(2, {"a": 2})
        assert client.close()
        assert hub.rows() == [(2, {"a": 2.0})]
        forms = [headers["Content-Type"].split("/")[1] for headers in hub.headers]
        assert forms == ["msgpack", "json", "msgpack"]


def test_rows_of_other_names_lie_between_without_disorder(opened):
    rows = [(step, {"a": 1.0, **({"b": 2.0} if step % 7 == 0 else {})}) for step in range(3000)]
    rows += [(step, {"c": 3.0}) for step in range(3000, 3009)]
    with TroubledHub() as hub:
        client = opened(hub)
        for step, values in rows:
            client.log(step, values)
        assert client.close()
        assert hub.rows() == rows


def test_what_is_nested_has_its_names_joined(opened):
    round_and_round: dict = {"a": 1.0}
    round_and_round["again"] = round_and_round
    with TroubledHub() as hub:
        client = opened(hub)
        client.log(1, {"train": {"loss": 1, "by": {"source": 2}}, "lr": 3})
        client.log(2, {"train": 4})
        client.log(3, {"train": {"loss": 5}})
        client.log(4, round_and_round)
        assert client.close()
        assert hub.rows()[:3] == [
            (1, {"train/loss": 1.0, "train/by/source": 2.0, "lr": 3.0}),
            (2, {"train": 4.0}),
            (3, {"train/loss": 5.0}),
        ]
        assert client.troubles == {"bad_value": 1}


def test_a_batch_that_is_too_large_is_halved_until_it_fits(opened):
    with TroubledHub(lambda body: OK if len(body["steps"]) <= 10 else (413, {})) as hub:
        client = opened(hub)
        log_all(client, range(300))
        assert client.close()
        assert hub.rows() == expected(range(300))
        assert client.troubles == {}


def test_a_row_that_is_too_large_alone_does_not_stop_the_others(opened):
    with TroubledHub(lambda body: (413, {}) if "big" in body["series"] else OK) as hub:
        client = opened(hub)
        log_all(client, range(5))
        client.log(5, {"big": 1})
        log_all(client, range(6, 9))
        assert client.close()
        assert hub.rows() == expected([0, 1, 2, 3, 4, 6, 7, 8])


def test_logging_never_waits_for_a_hub_that_does_not_answer(opened):
    answering = threading.Event()
    with TroubledHub(lambda body: OK if answering.wait(20) else None) as hub:
        client = opened(hub)
        client.log(0, {"train/loss": 0.0})
        hub.wait_for(lambda: hub.requests)
        log_all(client, range(1, 1000))
        assert not hub.taken
        answering.set()
        assert client.close()
        assert hub.rows() == expected(range(1000))


def test_closing_gives_up_when_its_time_is_over(opened):
    with TroubledHub(lambda body: (500, {})) as hub:
        client = opened(hub)
        client.log(1, {"a": 1})
        assert not client.close(timeout=0.5)


def test_closing_twice_and_logging_afterwards_does_no_harm(opened):
    with TroubledHub() as hub:
        client = opened(hub)
        client.log(1, {"a": 1})
        assert client.close()
        assert client.close()
        client.log(2, {"a": 2})
        assert client.troubles == {"after_close": 1}
        assert hub.rows() == [(1, {"a": 1.0})]


def test_a_hub_that_comes_later_gets_everything(opened, tmp_path):
    with TroubledHub() as hub:
        pass
    client = opened(hub)
    log_all(client, range(10))
    assert not client.close(timeout=0.3)
    with TroubledHub() as hub:
        assert flush_leftover(tmp_path / "journal", hub.url, 7, "secret", timeout=5)
        assert hub.rows() == expected(range(10))


@pytest.mark.parametrize("url", ["", "hub.example", "ftp://hub.example", "http://"])
def test_an_address_that_is_none_is_told_before_the_training(tmp_path, url):
    with pytest.raises(ValueError, match="URL of a hub"):
        Client(url, 7, "secret", tmp_path)


def test_a_journal_has_one_writer(opened, tmp_path, in_another_process):
    with TroubledHub() as hub:
        opened(hub)
        told = in_another_process(
            "from llmhub.client import *\n"
            f"try: flush_leftover({str(tmp_path / 'journal')!r}, {hub.url!r}, 7, 'secret')\n"
            "except JournalInUse: print('in use')"
        )
        assert told == "in use"
        assert issubclass(JournalInUse, RuntimeError)
