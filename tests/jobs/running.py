"""Jobs done in the test's own process and transaction; the work itself in its real process."""

from __future__ import annotations

from llmhub.jobs import lifecycle
from llmhub.jobs.models import Job
from workers import jobs as watcher


def run_jobs() -> list[Job]:
    """Until none waits; a job may start the next one."""
    done = []
    while job := lifecycle.claim("test", quick=True) or lifecycle.claim("test", quick=False):
        watcher.run(job)
        job.refresh_from_db()
        done.append(job)
    return done
