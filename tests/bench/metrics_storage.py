"""What curves cost: to take in, to keep, to read.

    python -m tests.bench.metrics_storage [--rounds 7] [--steps 10000000] [--only rows read]

A PostgreSQL of its own with fsync on, the hub under uvicorn with one process, and the work that
was measured with the peers: 20 runs x 100,000 steps of one metric with 5 planted one-step spikes
each, for a plot of 1,000 pixels; the same with millions of steps; 1 % of the steps in full; eight
clients; and the bytes of a point. Beside them, in the same database and the same minute, binary
COPY of the points as indexed rows. Times are medians; "server" is the view alone, in this process.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psycopg

from ops import servers as real
from ops.postgres import Postgres
from ops.process import stop
from ops.sockets import remove_socket_dir, socket_dir
from ops.valkey import Valkey

ROOT = Path(__file__).resolve().parents[2]
RUNS, STEPS, PX, SPIKES = 20, 100_000, 1000, 5
NAMES = [f"metric_{place}" for place in range(10)]
ROW = np.dtype(
    [("n", ">i2"), ("l1", ">i4"), ("run", ">i4"), ("l2", ">i4"), ("key", ">i4"), ("l3", ">i4"),
     ("step", ">i8"), ("l4", ">i4"), ("at", ">i8"), ("l5", ">i4"), ("value", ">f8")]
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10_000_000)
    parser.add_argument("--only", nargs="*", default=["rows", "ingest", "bytes", "read"])
    arguments = parser.parse_args()
    with hub() as port:
        bench = Bench(port, arguments.rounds)
        if "rows" in arguments.only:
            bench.rows()
        if "ingest" in arguments.only:
            bench.ingest()
        if "bytes" in arguments.only:
            bench.size()
        if "read" in arguments.only:
            bench.reading(arguments.steps)


@contextmanager
def hub() -> Iterator[int]:
    """PostgreSQL, Valkey and the web server; Django is set up in this process, too."""
    with tempfile.TemporaryDirectory(prefix="llmhub-bench-") as name:
        folder = Path(name)
        sockets = socket_dir(folder)
        postgres = Postgres(folder / "postgres", sockets, folder / "postgres.log")
        valkey = Valkey(folder / "valkey", sockets, folder / "valkey.log")
        running = [(server, real.start(server)) for server in (postgres, valkey)]
        postgres.create_database()
        os.environ |= {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": valkey.url,
            "SECRET_KEY": "only for measuring",
            "HUB_DATA": str(folder),
            "DJANGO_SETTINGS_MODULE": "llmhub.settings",
            "POINTS_PER_SECOND": "1000000000",
            "POINTS_BURST": "1000000000",
            "OMP_NUM_THREADS": "1",
        }
        try:
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
            subprocess.run(migrate, cwd=ROOT, check=True)
            import django

            django.setup()
            with web() as port:
                yield port
        finally:
            for server, process in reversed(running):
                stop(process, server.stop_signal, patience=10)
            remove_socket_dir(folder)


@contextmanager
def web() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "llmhub.asgi:application", "--port", str(port)]
    fast = [
        "--loop",
        "uvloop",
        "--http",
        "httptools",
        "--no-access-log",
        "--lifespan",
        "off",
        "--log-level",
        "error",
    ]
    with subprocess.Popen([*command, *fast], cwd=ROOT) as process:
        try:
            while socket.socket().connect_ex(("127.0.0.1", port)):
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()


def median(rounds: int, work: Callable[[], Any]) -> float:
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def curve(run: int, steps: int) -> np.ndarray:
    """As the peers were given: a noisy loss that falls, with spikes of a single step."""
    draw = np.random.default_rng(1000 + run)
    values = 2.5 * np.exp(-3.0 * np.arange(steps) / steps) + 0.3 + draw.normal(0, 0.05, steps)
    places = draw.choice(np.arange(steps // 100, steps - steps // 100), SPIKES, replace=False)
    values[places] = 100.0 + np.arange(SPIKES) + run / 1000
    return values


def clock(steps: int) -> np.ndarray:
    """A step every 250 ms, with 2 ms of jitter."""
    gaps = np.random.default_rng(7).normal(0.25, 0.002, steps)
    return np.asarray(1.7e9 + np.cumsum(gaps))


def line(what: str, value: str, goal: str = "") -> None:
    print(f"{what:<58} {value:>24}  {goal}", flush=True)


class Bench:
    def __init__(self, port: int, rounds: int) -> None:
        from tests.factories import join, make_project, make_user

        self.port, self.rounds = port, rounds
        self.project = make_project()
        self.user = join(make_user(), self.project).user
        self.copied = 0.0

    def run(self) -> tuple[Any, str]:
        from tests.factories import make_attempt, make_run

        return make_attempt(make_run(self.project))

    # Taking in

    def rows(self, count: int = 1_000_000) -> None:
        """The floor: COPY of rows (run, key, step, time, value) with an index, already encoded."""
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
            database.execute(
                "create table rows_of_points (run int not null, key int not null,"
                " step bigint not null, at timestamptz not null, value float8 not null)"
            )
            database.execute("create index on rows_of_points (run, key, step)")
            started = time.perf_counter()
            for first in range(0, count, 100_000):
                with database.cursor().copy(
                    "copy rows_of_points from stdin (format binary)"
                ) as copy:
                    copy.write(encoded(first, 100_000))
            self.copied = count / (time.perf_counter() - started)
        line("binary COPY of indexed rows", f"{self.copied:,.0f} points/s")

    def ingest(self) -> None:
        attempt, secret = self.run()
        bodies = [body(number, 100_000) for number in range(5)]
        seconds = send(self.port, attempt.run_id, secret, bodies)
        speed = len(bodies) * 1_000_000 / seconds
        ratio = f", {speed / self.copied:.1f} x COPY" if self.copied else ""
        line("one client, batches of 100,000 rows x 10", f"{speed:,.0f} points/s{ratio}", "≥ 5 x")
        for rows, batches in ((1_000, 40), (100, 100)):
            clients = [self.run() for _ in range(8)]
            speed = together(self.port, clients, rows, batches)
            line(f"8 clients, batches of {rows:,} rows x 10", f"{speed:,.0f} points/s", "≥ 500,000")

    # Keeping

    def size(self, rows: int = 100_000) -> None:
        for what, single in (("of float32 precision", True), ("any float64", False)):
            empty = occupied()
            attempt, secret = self.run()
            started = time.perf_counter()
            send(self.port, attempt.run_id, secret, [body(0, rows, single=single)])
            from llmhub.metrics import fold

            folding = time.perf_counter()
            fold.fold(attempt.run_id)
            speed = 10 * rows / (time.perf_counter() - folding)
            kept = (occupied() - empty) / (10 * rows)
            goal = "≤ 8" if single else "≤ 10"
            line(f"a point, {what}, 1 million with 10 a step", f"{kept:.2f} bytes", goal)
            line("  folding", f"{speed:,.0f} points/s", f"{time.perf_counter() - started:.1f} s")

    # Reading

    def reading(self, steps: int) -> None:
        short = [self.stored(place, STEPS) for place in range(RUNS)]
        base = self.plot(f"{RUNS} runs x {STEPS:,} steps, {PX:,} pixels", short, goal="≤ 20 ms")
        self.zoom(f"zoom to 1 % of {STEPS:,} steps, {RUNS} runs", short, STEPS)
        first = self.stored(0, steps)
        long = [first, *(self.copy_of(first) for _ in range(RUNS - 1))]
        slow = self.plot(f"{RUNS} runs x {steps:,} steps, {PX:,} pixels", long, goal="≤ 1.5 x")
        line("  ratio", f"{slow / base:.2f}", "≤ 1.5")
        self.zoom(f"zoom to 1,000 of {steps:,} steps, {RUNS} runs", long, 100 * 1000)

    def stored(self, place: int, steps: int) -> int:
        """A run whose blocks were written directly, as folding would write them."""
        from llmhub.metrics import blocks, fold
        from llmhub.metrics.codec import Column, Points
        from llmhub.metrics.models import Folded, Stream

        attempt, _secret = self.run()
        values = curve(place, steps)
        points = Points(
            np.arange(steps), clock(steps), {"loss": Column(np.ones(steps, bool), values)}
        )
        stream = {"rev": 1, "folded_rev": 1, "first_steps": {"1": 0}}
        Stream.objects.create(run_id=attempt.run_id, **stream)
        Folded.objects.create(attempt=attempt)
        fold._write_blocks(attempt.pk, blocks.cut(points))
        fold.fold(attempt.run_id)
        return int(attempt.run_id)

    def copy_of(self, source: int) -> int:
        """Another run with the same blocks and levels: to make each anew takes minutes."""
        attempt, _secret = self.run()
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
            for table, columns in COLUMNS.items():
                database.execute(
                    f"insert into metrics_{table} (attempt_id, {columns})"  # noqa: S608
                    f" select %s, {columns} from metrics_{table}"
                    " where attempt_id = (select id from runs_attempt where run_id = %s)",
                    [attempt.pk, source],
                )
            database.execute(
                "insert into metrics_stream select %s, epoch, rev, first_steps, folded_rev,"
                " unfolded_rows from metrics_stream where run_id = %s",
                [attempt.run_id, source],
            )
        return int(attempt.run_id)

    def plot(self, what: str, runs: list[int], goal: str) -> float:
        vacuum()
        seconds, answer = self.ask(runs, {})
        spikes = sum(int((np.frombuffer(run["max"], "<f8") > 50).sum()) for run in answer)
        line(what, f"{seconds * 1e3:.1f} ms server", goal)
        line("  spikes", f"{spikes} of {RUNS * SPIKES}", "all")
        return seconds

    def zoom(self, what: str, runs: list[int], steps: int) -> None:
        low = steps // 2
        seconds, answer = self.ask(runs, {"from": str(low), "to": str(low + steps // 100 - 1)})
        assert all(run["rows"] == steps // 100 for run in answer)
        line(what, f"{seconds * 1e3:.1f} ms server", "≤ 15 ms")

    def ask(self, runs: list[int], window: dict[str, str]) -> tuple[float, Any]:
        from django.test import RequestFactory

        from llmhub.metrics import views

        query = {"runs": ",".join(map(str, runs)), "name": "loss", "px": str(PX)} | window
        request = RequestFactory().get("/metrics/window/", query)
        request.user = self.user
        seconds = median(self.rounds, lambda: views.window(request))
        return seconds, msgspec.msgpack.decode(views.window(request).content)["runs"]


def encoded(first: int, count: int) -> bytes:
    rows, place = np.zeros(count, ROW), np.arange(first, first + count)
    rows["n"] = 5
    rows["l1"] = rows["l2"] = 4
    rows["l3"] = rows["l4"] = rows["l5"] = 8
    rows["run"], rows["key"], rows["step"], rows["at"] = 1, place % 10, place // 10, 10**15
    rows["value"] = np.sin(place)
    return b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0) + rows.tobytes() + b"\xff\xff"


def body(number: int, rows: int, single: bool = True) -> bytes:
    """A batch with its columns raw, as the client sends it."""
    series = {}
    for place, name in enumerate(NAMES):
        values = curve(place + 100 * number, rows)
        series[name] = (values.astype("f4").astype("f8") if single else values).tobytes()
    steps = np.arange(number * rows, (number + 1) * rows, dtype="<i8").tobytes()
    times = (clock(rows) + number * rows * 0.25).tobytes()
    message = {"batch": number, "rows": rows, "steps": steps, "times": times, "series": series}
    return msgspec.msgpack.encode(message)


def send(port: int, run: int, secret: str, bodies: list[bytes]) -> float:
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/msgpack"}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    started = time.perf_counter()
    for one in bodies:
        connection.request("POST", f"/api/v1/runs/{run}/points", one, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
    return time.perf_counter() - started


def client(port: int, run: int, secret: str, rows: int, batches: int, gate: Any) -> None:
    bodies = [body(number, rows) for number in range(batches)]
    gate.wait()
    send(port, run, secret, bodies)


def together(port: int, clients: list[tuple[Any, str]], rows: int, batches: int) -> float:
    """Points a second of all, from the moment that all begin until the last has its answers."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(len(clients) + 1)
    processes = [
        context.Process(target=client, args=(port, attempt.run_id, secret, rows, batches, gate))
        for attempt, secret in clients
    ]
    for process in processes:
        process.start()
    gate.wait()
    started = time.perf_counter()
    for process in processes:
        process.join()
    return len(clients) * rows * batches * len(NAMES) / (time.perf_counter() - started)


COLUMNS = {
    "block": "first_step, last_step, rows, number, names, ends, data",
    "level": "name, level, part, first_step, last_step, buckets, points, data",
    "folded": "numbers, levelled_step",
}
TABLES = ("batch", "block", "level", "folded", "stream", "series")


def vacuum() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
        for table in TABLES:
            database.execute(f"vacuum (full, analyze) metrics_{table}")


def occupied() -> int:
    """Bytes of all that holds points, with indexes, after a VACUUM."""
    vacuum()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
        sizes = [
            database.execute("select pg_total_relation_size(%s)", [f"metrics_{table}"]).fetchone()
            for table in TABLES
        ]
    return sum(size for (size,) in sizes)


if __name__ == "__main__":
    main()
