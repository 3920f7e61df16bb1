"""Texts that models write while they learn: taken from machines, shown side by side over time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction

from llmhub.jobs.live import publish
from llmhub.metrics.logs import UNFIT
from llmhub.metrics.models import Sample
from llmhub.runs.attempts import speaks
from llmhub.runs.live import run_topic
from llmhub.runs.models import Attempt, Run
from llmhub.runs.transitions import lock

MAX_CHARACTERS = 20_000
# Of one run: a model that writes at every step must not fill the database.
MAX_SAMPLES = 10_000
# On a page: steps of one prompt, the newest first.
SHOWN_STEPS = 20
# Offered to choose from; all others are reached from these by “older” and “newer”.
MAX_OFFERED = 200

Key = tuple[int, int]


def fitting(text: str) -> str:
    """As the database can hold it."""
    text = UNFIT.sub("?", text)
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


@transaction.atomic
def record(attempt: Attempt, told: Iterable[Sample]) -> bool:
    """Keeps what is new, and what a resumed attempt writes anew; False when the attempt is stale.

    `told`: with their step, index, prompt, text and decoding.
    """
    run = attempt.run
    lock(run)
    if not speaks(attempt, run):
        return False
    rows = {(one.index, one.step): one for one in told}
    for row in rows.values():
        row.run, row.attempt = run, attempt
        row.prompt, row.text = fitting(row.prompt), fitting(row.text)
    kept = within_limit(run, rows)
    Sample.objects.bulk_create(
        kept,
        update_conflicts=True,
        unique_fields=["run", "index", "step"],
        update_fields=["attempt", "prompt", "text", "decoding", "received_at"],
    )
    if kept:
        publish(run_topic(run.pk), {"type": "samples", "run": run.pk})
    return True


def within_limit(run: Run, rows: dict[Key, Sample]) -> list[Sample]:
    """What replaces another one needs no room."""
    room = MAX_SAMPLES - run.samples.count()
    if len(rows) <= room:
        return list(rows.values())
    steps = {step for _index, step in rows}
    known = set(run.samples.filter(step__in=steps).values_list("index", "step"))
    new = [row for key, row in rows.items() if key not in known]
    return [row for key, row in rows.items() if key in known] + new[: max(0, room)]


@dataclass(frozen=True)
class Shown:
    """Samples of one prompt, and what else there is to look at."""

    # (index, prompt) of each.
    prompts: list[tuple[int, str]]
    index: int
    prompt: str
    # The newest first.
    samples: list[Sample]
    # To begin with: all steps of the prompt or some of them, the newest first.
    steps: list[int]
    # The step that a person chose; None follows the run.
    up_to: int | None
    # Where the windows beside this one begin; None where there is none.
    older: int | None
    newer: int | None


def shown(run: Run, index: int | None, up_to: int | None) -> Shown | None:
    """At most SHOWN_STEPS samples of a prompt, from `up_to` back; None where there are none."""
    newest = run.samples.order_by("index", "-step").distinct("index")
    prompts = dict(newest.values_list("index", "prompt"))
    if not prompts:
        return None
    chosen = index if index in prompts else min(prompts)
    of_prompt = run.samples.filter(index=chosen).order_by("-step")
    steps = list(of_prompt.values_list("step", flat=True))
    at = place(steps, up_to)
    window = steps[at : at + SHOWN_STEPS]
    return Shown(
        prompts=list(prompts.items()),
        index=chosen,
        prompt=prompts[chosen],
        samples=list(of_prompt.filter(step__gte=window[-1], step__lte=window[0])),
        steps=offered(steps, window[0]),
        up_to=window[0] if at else None,
        older=steps[at + SHOWN_STEPS] if at + SHOWN_STEPS < len(steps) else None,
        newer=steps[max(0, at - SHOWN_STEPS)] if at else None,
    )


def place(steps: Sequence[int], up_to: int | None) -> int:
    """Where the newest step that is not after `up_to` stands; the oldest where all are after it."""
    if up_to is None:
        return 0
    return min(bisect_left(steps, -up_to, key=lambda step: -step), len(steps) - 1)


def offered(steps: Sequence[int], chosen: int) -> list[int]:
    stride = -(-len(steps) // MAX_OFFERED)
    return sorted({*steps[::stride], chosen}, reverse=True)
