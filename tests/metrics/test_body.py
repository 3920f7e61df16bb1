"""Bodies of points: raw columns, compressed or not, and everything that may be wrong with them."""

import gzip
import json

import msgspec
import numpy as np
import pytest
import zstandard
from django.urls import reverse

from llmhub.lib.batches import MAX_BYTES, MAX_NAMES_OF_RUN, MAX_ROWS
from llmhub.metrics import query, rate
from llmhub.metrics.models import Batch, Series, Stream

pytestmark = pytest.mark.django_db
NAN = float("nan")


@pytest.fixture
def post(client, run, secret):
    def send(body, kind="application/msgpack", **headers):
        return client.post(
            reverse("add_points", args=[run.pk]),
            body if isinstance(body, bytes) else msgspec.msgpack.encode(body),
            content_type=kind,
            headers={"Authorization": f"Bearer {secret}"} | headers,
        )

    return send


def raw(*numbers, kind="<f8"):
    return np.array(numbers, kind).tobytes()


def message(batch=1, rows=3, **changes):
    return {
        "batch": batch,
        "rows": rows,
        "steps": raw(*range(rows), kind="<i8"),
        "times": raw(*[1000.0] * rows),
        "series": {"a": raw(*map(float, range(rows)))},
    } | changes


def curve(run, name):
    columns = query.points(run)["columns"]
    return list(zip(columns["steps"], columns["series"][name], strict=True))


def test_raw_columns_are_read_bit_by_bit(post, run):
    part = bytes([0b10100000]) + raw(0.1, 0.0, NAN)
    steps = raw(2**63 - 1, 5, 7, kind="<i8")
    answer = post(message(steps=steps, series={"a": raw(-0.0, 1e-300, np.inf), "b": part}))
    assert (answer.status_code, answer.json()) == (200, {"rev": 1})
    big = str(2**63 - 1)
    assert curve(run, "a") == [(5, 1e-300), (7, "Infinity"), (big, -0.0)]
    assert curve(run, "b") == [(5, None), (7, "NaN"), (big, 0.1)]
    assert Series.objects.get(name="a").last_step == 2**63 - 1


@pytest.mark.parametrize("rows", [3, 5_000])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_a_compressed_body_is_the_same(post, run, encoding, rows):
    plain = msgspec.msgpack.encode(message(rows=rows, series={n: raw(*range(rows)) for n in "abc"}))
    pack = {"identity": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[encoding]
    assert post(pack(plain), **{"Content-Encoding": encoding}).status_code == 200
    assert curve(run, "c") == [(step, float(step)) for step in range(rows)]
    assert Batch.objects.get().is_packed == (rows == 5_000)


def test_json_may_be_compressed_too(post, run):
    body = {"batch": 0, "steps": [1], "times": [1.0], "series": {"a": [2.0]}}
    packed = gzip.compress(json.dumps(body).encode())
    assert post(packed, "application/json", **{"Content-Encoding": "gzip"}).status_code == 200
    assert curve(run, "a") == [(1, 2.0)]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_not_unpacked(post, pack):
    encoding = "gzip" if pack is gzip.compress else "zstd"
    answer = post(pack(bytes(200 * 1024 * 1024)), **{"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["field"]) == (413, "body")
    assert not Batch.objects.exists()


# Two processes that collect the tests name them alike: without the time of the moment.
CUT = gzip.compress(msgspec.msgpack.encode(message()), mtime=0)[:-9]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"\xc1", {}),
        (b"\x91" * 100_000, {}),
        (b"no gzip", {"Content-Encoding": "gzip"}),
        (b"no zstd", {"Content-Encoding": "zstd"}),
        (CUT, {"Content-Encoding": "gzip"}),
        (gzip.compress(b"\x80", mtime=0) * 2, {"Content-Encoding": "gzip"}),
        (b"\x80", {"Content-Encoding": "br"}),
        (message(steps=[1, 2, 3]), {}),
        (message(more=1), {}),
        ({"batch": 1}, {}),
    ],
)
def test_what_cannot_be_read_is_said(post, body, headers):
    answer = post(body, **headers)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"batch": -1}, 422, "batch"),
        ({"batch": 2**63}, 422, "batch"),
        ({"rows": 2}, 422, "steps"),
        ({"rows": 0}, 422, "steps"),
        ({"rows": MAX_ROWS + 1}, 413, "steps"),
        ({"rows": 2**60}, 413, "steps"),
        ({"steps": raw(1, -2, 3, kind="<i8")}, 422, "steps"),
        ({"steps": raw(1, 2, kind="<i8")}, 422, "steps"),
        ({"times": raw(1.0)}, 422, "times"),
        ({"times": raw(1.0, 2.0, NAN)}, 422, "times"),
        ({"series": {}}, 422, "series"),
        ({"series": {"a" * 1_000_000: raw(1, 2, 3)}}, 422, "series"),
        ({"series": {"a\0b": raw(1, 2, 3)}}, 422, "series"),
        ({"series": {f"m{i}": b"" for i in range(10_000)}}, 422, "series"),
        ({"series": {"a": raw(1, 2)}}, 422, "series.a"),
    ],
)
def test_what_is_refused_names_its_field(post, changes, status, field):
    answer = post(message() | changes)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert len(answer.json()["error"]) < 500
    assert not Batch.objects.exists()
    assert not Stream.objects.exists()


def test_a_million_points_in_one_batch_are_taken_and_more_values_are_not(post):
    rows = MAX_ROWS
    column = raw(*np.arange(rows, dtype=float))
    names = [f"m{i}" for i in range(21)]
    fits = message(rows=rows, series=dict.fromkeys(names[:10], column))
    assert post(fits).status_code == 200
    large = message(batch=2, rows=rows, series=dict.fromkeys(names, column))
    answer = post(large)
    assert (answer.status_code, answer.json()["field"]) == (413, "series")


def written(batch="1", step="1", name="a", value="1"):
    return f'{{"batch":{batch},"steps":[{step}],"times":[1.0],"series":{{"{name}":[{value}]}}}}'


DIGITS = "9" * 5000
ODD_JSON = {
    "a number beyond floats": written(value="1e309"),
    "a step of 5,000 digits": written(step=DIGITS),
    "a value of 5,000 digits": written(value=DIGITS),
    "a batch of 5,000 digits": written(batch=DIGITS),
    "null for a step": written(step="null"),
    "lists without end": "[" * 1_000_000,
    "objects without end": '{"series":' * 300_000,
    "half a surrogate pair": written(name="\\ud800"),
    "NUL in a name": written(name="a\\u0000"),
    "a name of 1 MB": written(name="a" * 1_000_000),
}


@pytest.mark.parametrize("text", ODD_JSON.values(), ids=ODD_JSON)
def test_odd_json_is_refused(post, text):
    answer = post(text.encode(), "application/json")
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]
    assert not Batch.objects.exists()


def test_a_body_of_too_many_bytes_is_not_read(post):
    assert post(bytes(MAX_BYTES + 1)).status_code == 413


def test_a_run_has_a_bounded_number_of_names(post, run):
    known = [Series(run=run, name=f"m{i}") for i in range(MAX_NAMES_OF_RUN - 1)]
    Series.objects.bulk_create(known)
    column = raw(1, 2, 3)
    assert post(message(series={"one": column})).status_code == 200
    answer = post(message(batch=2, series={"two": column, "one": column}))
    assert (answer.status_code, answer.json()["field"]) == (422, "series")
    assert Batch.objects.count() == 1
    assert Stream.objects.get().rev == 1


def test_who_sends_too_fast_is_told_when_to_go_on(post, settings):
    settings.POINTS_BURST, settings.POINTS_PER_SECOND = 5, 1
    assert [post(message(batch=batch)).status_code for batch in (1, 2)] == [200, 200]
    answer = post(message(batch=3))
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert Batch.objects.count() == 2


def test_without_redis_nobody_has_to_wait(post, settings):
    rate._take.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    try:
        assert post(message()).status_code == 200
    finally:
        rate._take.cache_clear()
