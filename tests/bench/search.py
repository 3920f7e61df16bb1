"""How long a search takes among 50,000 runs, beside a plain scan for the same words.

    HUB_DATA=… python manage.py shell --no-imports -c "from tests.bench.search import main; main()"

In a transaction that is taken back: on any hub, and nothing stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connection, transaction

from llmhub.accounts.models import Project
from llmhub.search import finding, typed
from llmhub.search.sources import RUNS, SOURCES

RUNS_MADE = 50_000
TRIES = 7
TYPED = ("r", "run", "gpt2-125m_lr3", "perplexite warmup", "stable run 4242", "nothingness")
INSERT = """
INSERT INTO runs_run (project_id, name, objective, scale, overrides, config, summary, state, want,
    fence, cause, message, resume_on_start, step, created_at, tags, notes)
SELECT %s, 'gpt2-' || (ARRAY['125m', '350m', '1.3b'])[1 + i %% 3] || '_lr' || (i %% 9)
    || '-run-' || i, '', '', '{}', '{}', '{}', 'succeeded', 'run', 0, '', '', false, i,
    now() - i * interval '1 minute', ARRAY['tag' || i %% 50],
    CASE WHEN i %% 10 = 0
    THEN 'Perplexité plus basse, entraînement stable après warmup ' || md5(i::text) ELSE '' END
FROM generate_series(1, %s) AS i
"""
PLAIN = "SELECT id FROM runs_run WHERE project_id = %s AND {} ORDER BY created_at DESC LIMIT 5"


def main() -> None:
    with transaction.atomic():
        project = Project.objects.create(slug="bench-search", name="Bench")
        with connection.cursor() as cursor:
            cursor.execute(INSERT, [project.pk, RUNS_MADE])
            # As autovacuum leaves them.
            cursor.execute("SELECT gin_clean_pending_list('runs_run_words')")
            cursor.execute("ANALYZE runs_run")
        seen = finding.Seen({project.pk: project}, project.pk)
        print(f"{'typed':22}{'all kinds':>10}{'runs':>9}{'LIKE':>9}  LIKE / runs")
        for text in TYPED:
            measure(seen, text)
        transaction.set_rollback(True)


def measure(seen: finding.Seen, text: str) -> None:
    asked = typed.read(text)
    everything = best(lambda: finding.find(seen, asked, 5, 0, SOURCES))
    runs = best(lambda: finding.find(seen, asked, 5, 0, [RUNS]))
    plain = best(lambda: scan(seen.current, [word.text for word in asked.words]))
    times = "".join(f"{1000 * each:7.1f}ms" for each in (everything, runs, plain))
    print(f"{text:22} {times}  {plain / runs:.1f}")


def scan(project: int, words: list[str]) -> None:
    """The newest that have the words: no accents folded, no stems, no order by what fits."""
    text = "(name || ' ' || array_to_string(tags, ' ') || ' ' || notes) ILIKE %s"
    with connection.cursor() as cursor:
        sql = PLAIN.format(" AND ".join([text] * len(words)))
        cursor.execute(sql, [project, *(f"%{word}%" for word in words)])
        cursor.fetchall()


def best(work: Callable[[], object]) -> float:
    took = []
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return min(took)
