"""What the runs table costs: filter and sort by a metric, first page, with many runs.

    python -m tests.bench.runs_table [--runs 5000 50000] [--rounds 15]

Makes runs of 20 parameters and 10 metrics in a scratch database and asks for pages as a browser
does, in this process: the times are those of the server, parsing, queries and template. Beside
them stands, from the same run, the floor: one query that filters and sorts by jsonb alone. The best
round is what the work costs; the median is what it took beside all else on this machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from tests import servers

servers.enter_session()

from django.conf import settings  # noqa: E402 after the servers are there
from django.core.management import call_command  # noqa: E402
from django.db import connection, reset_queries  # noqa: E402
from django.test import Client  # noqa: E402

from llmhub.accounts.models import Project, Role  # noqa: E402
from tests.factories import join, make_project, make_run, make_user  # noqa: E402

METRICS = (
    "train/loss", "val/loss", "train/perplexity", "val/perplexity", "lr", "grad_norm",
    "tokens_per_second", "custom/a", "custom/b", "custom/c",
)  # fmt: skip
# Every run has a value of its own for each of 20 parameters.
RUNS = """
    INSERT INTO runs_run (
        project_id, name, objective, recipe_version_id, scale, overrides, config,
        dataset_version_id, state, want, fence, cause, message, resume_on_start, step, total_steps,
        created_by_id, created_at, started_at, ended_at, tags, notes, summary
    )
    SELECT project_id, 'run ' || n, objective, recipe_version_id, scale, '{}', %(config)s,
        dataset_version_id, (ARRAY['succeeded', 'failed', 'stopped', 'running'])[1 + n %% 4],
        'run', 0, '', '', false, n %% 1000, 1000, %(user)s, now() - n * interval '1 minute',
        now() - n * interval '1 minute', now(),
        CASE WHEN n %% 10 = 0 THEN ARRAY['baseline'] ELSE '{}'::varchar[] END, '', '{}'
    FROM runs_run, generate_series(1, %(runs)s) n WHERE runs_run.id = %(model)s
"""
CONFIG = "jsonb_build_object('objective', 'pretrain', 'training', jsonb_build_object({}))"
SERIES = """
    INSERT INTO metrics_series (run_id, name, count, last, last_step, min, min_step, max, max_step,
        not_finite, spark, spark_stride)
    SELECT id, m, 1000, 1 + random() * 9, 1000, random(), 900, 10 + random(), 1, 0,
        ARRAY(SELECT random() FROM generate_series(1, 64)), 16
    FROM runs_run, unnest(%s::text[]) m WHERE project_id = %s
"""
FLOOR = """
    SELECT id, config FROM bench WHERE (config ->> 'learning_rate')::float8 < 0.5
    ORDER BY (metrics ->> 'val/loss')::float8 LIMIT 50
"""
FLOOR_TABLE = """
    CREATE TABLE bench AS
    SELECT r.id, r.config -> 'training' AS config,
        (SELECT jsonb_object_agg(name, last) FROM metrics_series s WHERE s.run_id = r.id) AS metrics
    FROM runs_run r WHERE project_id = %s
"""
ASKED = {
    "newest first, no filter": {},
    "filter and sort by a metric": {"filter": "last(val/loss) < 5", "sort": "last(val/loss)"},
    "filter by config, sort by a metric": {
        "filter": "state = succeeded and config.training.learning_rate < 0.5",
        "sort": "-last(val/loss)",
    },
    "filter by config and metric, newest first": {
        "filter": "config.training.learning_rate < 0.5 and last(val/loss) < 3",
    },
    "sort by config": {"sort": "config.training.learning_rate"},
    "few match": {"filter": "last(val/loss) < 1.01", "sort": "last(val/loss)"},
    "nothing matches": {"filter": "last(val/loss) < 0"},
    "last page": {"sort": "last(val/loss)", "page": "100000"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[5_000, 50_000])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--explain", action="store_true", help="print the plans of the queries")
    arguments = parser.parse_args()
    # As a hub that serves: templates are read once, static files have their names.
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    call_command("migrate", verbosity=0)
    try:
        for runs in arguments.runs:
            measure(runs, arguments.rounds, arguments.explain)
    finally:
        servers.leave_session()


def measure(runs: int, rounds: int, explain: bool) -> None:
    project, client = make(runs)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench")
        cursor.execute(FLOOR_TABLE, [project.pk])
        cursor.execute("VACUUM ANALYZE")
    floor = timed(floor_query, rounds)
    print(f"\n{runs:,} runs; one jsonb query: {floor[0]:.1f} ms at best, {floor[1]:.1f} median")
    print(f"{'page':<45} {'best':>7} {'median':>7} {'floors':>7} {'queries':>8}")
    for name, query in ASKED.items():
        query = {**query, "project": project.slug}
        took = timed(lambda query=query: page(client, query), rounds)
        count = queries_of(client, query, explain)
        best, median = took
        print(f"{name:<45} {best:>7.1f} {median:>7.1f} {best / floor[0]:>7.1f} {count:>8}")


def make(runs: int) -> tuple[Project, Client]:
    project = make_project(f"bench-{runs}")
    user = make_user(f"bench-{runs}@example.com")
    join(user, project, Role.MEMBER)
    model = make_run(project, created_by=user)
    names = ["learning_rate", *(f"parameter_{number}" for number in range(18))]
    config = CONFIG.format(", ".join(f"'{name}', random()" for name in names))
    with connection.cursor() as cursor:
        statement = RUNS.replace("%(config)s", config)
        cursor.execute(statement, {"user": user.pk, "runs": runs, "model": model.pk})
        cursor.execute(SERIES, [list(METRICS), project.pk])
    client = Client()
    client.force_login(user)
    return project, client


def timed(work: Callable[[], Any], rounds: int) -> tuple[float, float]:
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return min(times), statistics.median(times)


def floor_query() -> None:
    with connection.cursor() as cursor:
        cursor.execute(FLOOR)
        cursor.fetchall()


def page(client: Client, query: dict[str, str]) -> None:
    """The part of the page that a browser asks for when the filter changes."""
    headers = {"HX-Request": "true", "HX-Target": "runs-list"}
    answer = client.get("/runs/", query, headers=headers)
    assert answer.status_code == 200, answer.status_code


def queries_of(client: Client, query: dict[str, str], explain: bool) -> int:
    connection.force_debug_cursor = True
    reset_queries()
    page(client, query)
    made = list(connection.queries)
    connection.force_debug_cursor = False
    if explain:
        for one in made:
            print_plan(one["sql"], float(one["time"]))
    return len(made)


def print_plan(statement: str, seconds: float) -> None:
    if not statement.startswith("SELECT") or seconds < 0.002:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS OFF) {statement}")
        print(json.dumps(statement)[:300])
        print("\n".join(line for (line,) in cursor.fetchall()))


if __name__ == "__main__":
    main()
