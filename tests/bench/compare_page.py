"""What the comparison of many runs costs in a browser: to open, and to redraw while runs log.

    python -m tests.bench.compare_page [--runs 100] [--metrics 10] [--rows 2000] [--seconds 20]

Everything is real: PostgreSQL and Valkey (those of DATABASE_URL and REDIS_URL, else started
here), the hub under uvicorn, a headless Chromium. The page counts as open when every plot in the
window is drawn, counted from the start of the navigation. Then all runs log a row every two seconds
over HTTP, from a process of their own, while the time of each redraw is taken in the page: from
the points that are known to the drawn plot.
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
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from playwright.sync_api import Page, sync_playwright

from ops import tools
from tests import servers
from tests.bench.live_latency import ROOT, free_port, hub

OPENED = 5
EVERY_SECONDS = 2

LOGS = """
import http.client, json, sys, time
port, every, rows, count, *runs = sys.argv[1:]
connection = http.client.HTTPConnection("127.0.0.1", int(port))
runs = [run.split(":") for run in runs]
names = [f"train/m{number}" for number in range(int(count))]
step = int(rows)
while True:
    begun = time.time()
    for place, (run, secret) in enumerate(runs):
        time.sleep(max(0, begun + place * float(every) / len(runs) - time.time()))
        body = {"batch": step, "steps": [step], "times": [time.time()],
            "series": {name: [2 + place / 100] for name in names}}
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        connection.request("POST", f"/api/v1/runs/{run}/points", json.dumps(body), headers)
        answer = connection.getresponse()
        assert answer.read() and answer.status == 200, answer.status
    step += 1
"""

# How long after the navigation began every plot in the window is drawn; else nothing.
OPEN = """() => {
  const inSight = [...document.querySelectorAll("run-comparison .chart")].filter((chart) => {
    const { top, bottom } = chart.getBoundingClientRect();
    return top < innerHeight && bottom > 0;
  });
  const drawn = inSight.filter((chart) => chart.querySelector(".plot .scatterlayer .trace"));
  return inSight.length && drawn.length === inSight.length ? performance.now() : 0;
}"""

# Takes the time of each redraw, in the module that the page has loaded.
TIMED = """async () => {
  const [{ name }] = performance.getEntriesByType("resource")
    .filter(({ name }) => /js\\/plot(\\.[0-9a-f]+)?\\.js/.test(name));
  const { Plot } = await import(name);
  const draw = Plot.prototype.drawNow;
  window.redraws = [];
  Plot.prototype.drawNow = function () {
    const before = this.content;
    const start = performance.now();
    draw.call(this);
    if (this.content !== before) window.redraws.push(performance.now() - start);
  };
}"""


class Scene(NamedTuple):
    # (id, secret of its attempt)
    runs: list[tuple[int, str]]
    session: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--metrics", type=int, default=10)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    port = free_port()
    os.environ |= {"HUB_PORT": str(port), "HUB_URL": f"http://127.0.0.1:{port}"}
    servers.enter_session()
    try:
        scene = set_scene(options.runs, options.metrics, options.rows)
        with hub(port):
            measure(scene, port, options)
    finally:
        servers.leave_session()
    return 0


def set_scene(runs: int, metrics: int, rows: int) -> Scene:
    from django.core.management import call_command
    from django.test import Client

    from llmhub.metrics import ingest
    from llmhub.metrics.codec import Column, Points
    from tests import factories

    call_command("migrate", verbosity=0)
    call_command("build_static", verbosity=0)
    name = f"bench-{time.time_ns()}"
    project = factories.make_project(name)
    steps = np.arange(rows)
    made = []
    for place in range(runs):
        attempt, secret = factories.make_attempt(factories.make_run(project, name=f"run {place}"))
        noise = np.random.default_rng(place)
        series = {
            f"train/m{number}": Column(
                np.ones(rows, bool), 3 * np.exp(-steps / rows) + noise.normal(0, 0.05, rows)
            )
            for number in range(metrics)
        }
        ingest.add(attempt, 0, Points(steps, 1.7e9 + steps, series))
        made.append((attempt.run_id, secret))
    browser = Client()
    browser.force_login(factories.join(factories.make_user(f"{name}@example.com"), project).user)
    return Scene(made, str(browser.session.session_key))


def measure(scene: Scene, port: int, options: argparse.Namespace) -> None:
    from django.conf import settings

    url = f"http://127.0.0.1:{port}"
    address = f"{url}/compare/?runs={','.join(str(run) for run, _secret in scene.runs)}"
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        # With a profile, as a person has: it keeps compiled scripts from visit to visit.
        context = playwright.chromium.launch_persistent_context(
            profile,
            viewport={"width": 1440, "height": 900},
            executable_path=os.environ.get("LLMHUB_CHROMIUM") or tools.chromium(),
            args=list(tools.BROWSER_OPTIONS),
        )
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": scene.session, "url": url}
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        first, *opened = [open_page(page, address) for _ in range(1 + OPENED)]
        print(
            f"{options.runs} runs x {options.metrics} metrics, {options.rows:,} rows: open after "
            f"{statistics.median(opened):.0f} ms (median of {OPENED}; the first {first:.0f} ms)"
        )
        report(redraws(page, scene, port, options))
        context.close()


def open_page(page: Page, address: str) -> float:
    page.goto(address, wait_until="commit")
    found = float(page.wait_for_function(OPEN, polling="raf").json_value())
    # Scripts are compiled for the next visit once the page is quiet.
    page.wait_for_timeout(2000)
    return found


def redraws(page: Page, scene: Scene, port: int, options: argparse.Namespace) -> list[float]:
    page.wait_for_selector(".connection[data-state=live]", state="attached")
    page.evaluate(TIMED)
    with logging(scene, port, options):
        page.wait_for_timeout(options.seconds * 1000)
    return list(page.evaluate("window.redraws"))


@contextmanager
def logging(scene: Scene, port: int, options: argparse.Namespace) -> Iterator[None]:
    runs = [f"{run}:{secret}" for run, secret in scene.runs]
    arguments = [port, EVERY_SECONDS, options.rows, options.metrics, *runs]
    command = [sys.executable, "-c", LOGS, *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            yield
            if process.poll() is not None:
                raise SystemExit("the runs could not log")
        finally:
            process.terminate()


def report(found: list[float]) -> None:
    if len(found) < 2:
        raise SystemExit(f"no redraws were seen: {json.dumps(found)}")
    median, p99 = statistics.median(found), statistics.quantiles(found, n=100)[-1]
    print(
        f"a redraw while all of them log: median {median:.0f} ms, p99 {p99:.0f} ms, of {len(found)}"
    )


if __name__ == "__main__":
    sys.exit(main())
