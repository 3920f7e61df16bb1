"""Celery's entry points. A task launches and returns: it never trains, it never imports torch."""

from __future__ import annotations

from typing import Any

from celery.signals import worker_init, worker_shutting_down

from llmhub.celery import app
from llmhub.metrics import fold as folding
from workers import jobs, leftovers, node, probing, serving


@app.task(name="workers.tasks.claim_runs")
def claim_runs() -> None:
    """Takes queued runs as long as this machine has free slots. Twice is as good as once."""
    node.claim_runs()


@app.task(name="workers.tasks.run_jobs")
def run_jobs() -> None:
    """Starts waiting jobs as long as this machine has room. Twice is as good as once."""
    jobs.fill_slots()


@app.task(name="workers.tasks.serve_models")
def serve_models() -> None:
    """Starts the models that people wait to talk to. Twice is as good as once."""
    serving.fill_slots()


@app.task(name="workers.tasks.probe")
def probe(probe_id: int) -> None:
    """Measures in a fresh process what a spec needs in memory."""
    probing.measure(probe_id)


@app.task(name="workers.tasks.fold")
def fold(run_id: int) -> None:
    """Turns a run's newest points into blocks. Twice is as good as once."""
    folding.fold(run_id)


@app.task(name="workers.tasks.remove_run")
def remove_run(run_id: int) -> None:
    """Removes what this machine holds of a run that was deleted. Twice is as good as once."""
    leftovers.remove(run_id)


@worker_init.connect
def start_agent(**_: Any) -> None:
    """Before the broker is reached: the agent does not need it."""
    agent = node.Agent()
    agent.start()
    worker_shutting_down.connect(lambda **_: agent.stop(), weak=False)
    worker_shutting_down.connect(lambda **_: jobs.stop(), weak=False)
    worker_shutting_down.connect(lambda **_: serving.stop(), weak=False)
