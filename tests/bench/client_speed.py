"""How fast a script logs: the call itself, and until the hub has committed all of it.

    python -m tests.bench.client_speed [--rows 10000] [--rounds 5] [--processes 8]

Everything is real: PostgreSQL with fsync on and Valkey (those of DATABASE_URL and REDIS_URL, else
started here), one web process under uvicorn, scripts in processes of their own. The clock of a
script starts before its first call and stops when the hub has answered for the last row, which
it does after the commit; what the hub then holds is counted. Processes begin at the same moment,
and their clock stops with the last of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from ops.postgres import Postgres
from ops.sockets import socket_dir
from tests import servers
from tests.bench.live_latency import ROOT, free_port, hub

VALUES = 10
CALL_ROUNDS = 20
COLUMN_ROWS = 200_000

CALLS = """
import json, sys, time
from pathlib import Path
from llmhub.client.journal import Journal
from llmhub.client.recorder import Recorder
from llmhub.client.rows import Troubles
recorder = Recorder(Journal(Path(sys.argv[1])), Troubles())
values = {f"train/m{number}": number * 1.5 for number in range(int(sys.argv[2]))}
for _ in range(int(sys.argv[3])):
    start = time.perf_counter()
    for step in range(10_000):
        recorder.log(step, values)
    print(json.dumps((time.perf_counter() - start) / 10_000 * 1e6))
"""

# Prints when it began and ended, on the machine's one clock, and what the calls took.
LOGS = """
import json, random, sys, time
from llmhub.client import Client
url, run, secret, journal, rows, count, begin = sys.argv[1:]
rows, count = int(rows), int(count)
client = Client(url, int(run), secret, journal)
noise = [random.random() for _ in range(1009)]
names = [f"train/m{number}" for number in range(count)]
time.sleep(max(0.0, float(begin) - time.time()))
start = time.time()
for step in range(rows):
    value = noise[step % 1009]
    client.log(step, {name: value for name in names})
logged = time.time()
assert client.close(timeout=120), client.troubles
print(json.dumps({"start": start, "logged": logged, "end": time.time()}))
"""

COLUMNS = """
import json, sys, time
import numpy
from llmhub.client import Client
url, run, secret, journal, rows, count, begin = sys.argv[1:]
rows, count = int(rows), int(count)
series = {f"train/m{number}": numpy.random.rand(rows) for number in range(count)}
steps = numpy.arange(rows)
client = Client(url, int(run), secret, journal)
start = time.time()
client.log_columns(steps, series)
logged = time.time()
assert client.close(timeout=120), client.troubles
print(json.dumps({"start": start, "logged": logged, "end": time.time()}))
"""


class Script(NamedTuple):
    start: float
    logged: float
    end: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=8)
    options = parser.parse_args()
    report_calls()
    port = free_port()
    os.environ |= {"HUB_PORT": str(port), "HUB_URL": f"http://127.0.0.1:{port}"}
    servers._postgres = durable  # those of the tests do without fsync
    servers.enter_session()
    try:
        prepare()
        with hub(port):
            measure(port, LOGS, options.rows, 1)  # the first request loads the hub's modules
            for _ in range(options.rounds):
                report("one client", measure(port, LOGS, options.rows, 1), options.rows)
            for _ in range(options.rounds):
                found = measure(port, LOGS, options.rows, options.processes)
                report(f"{options.processes} clients at once", found, options.rows)
            for _ in range(options.rounds):
                report("log_columns", measure(port, COLUMNS, COLUMN_ROWS, 1), COLUMN_ROWS)
    finally:
        servers.leave_session()
    return 0


def durable(folder: Path) -> Postgres:
    return Postgres(folder / "postgres", socket_dir(folder), folder / "postgres.log", fsync=True)


def report_calls() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", CALLS, folder, str(VALUES), str(CALL_ROUNDS)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    print(
        f"log() of {VALUES} values: median {statistics.median(found):.1f} µs, "
        f"best {min(found):.1f}, worst {max(found):.1f} of {len(found)} rounds of 10,000 calls"
    )


def prepare() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("build_static", verbosity=0)


def measure(port: int, code: str, rows: int, processes: int) -> list[Script]:
    runs = [make_run() for _ in range(processes)]
    begin = time.time() + (1.5 if processes > 1 else 0.5)
    with tempfile.TemporaryDirectory() as folder:
        started = [
            start(code, port, run_id, secret, f"{folder}/{run_id}", rows, begin)
            for run_id, secret in runs
        ]
        answers = [process.communicate()[0] for process in started]
    for run_id, _ in runs:
        check(run_id, rows)
    return [Script(**json.loads(answer)) for answer in answers]


def make_run() -> tuple[int, str]:
    from tests import factories

    run = factories.make_run(factories.make_project(f"bench-{time.time_ns()}"))
    return run.pk, factories.make_attempt(run)[1]


def start(
    code: str, port: int, run_id: int, secret: str, folder: str, rows: int, begin: float
) -> subprocess.Popen[str]:
    url = f"http://127.0.0.1:{port}"
    arguments = [url, run_id, secret, folder, rows, VALUES, begin]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def check(run_id: int, rows: int) -> None:
    """Every row is in the hub, once."""
    from llmhub.metrics.models import Batch

    stored = sum(Batch.objects.filter(run_id=run_id).values_list("rows", flat=True))
    if stored != rows:
        raise SystemExit(f"run {run_id} has {stored} rows of {rows}")


def report(what: str, found: list[Script], rows: int) -> None:
    seconds = max(one.end for one in found) - min(one.start for one in found)
    calls = statistics.median(one.logged - one.start for one in found)
    points = len(found) * rows * VALUES
    print(
        f"{what}: {points:,} points in {seconds:.3f} s ({calls:.3f} s of it in the calls): "
        f"{points / seconds:,.0f} points/s",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
