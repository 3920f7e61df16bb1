"""Texts that models write while they learn: taken from machines, shown side by side over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from django.db import transaction
from django.db.models import Max
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from llmhub.jobs.live import publish
from llmhub.metrics.logs import UNFIT
from llmhub.metrics.models import Sample
from llmhub.runs.attempts import speaks
from llmhub.runs.live import run_topic
from llmhub.runs.models import Attempt, Run
from llmhub.runs.transitions import lock

MAX_CHARACTERS = 20_000
# Of a page: steps of one prompt, the newest first.
SHOWN_STEPS = 20

Text = Annotated[str, AfterValidator(lambda text: UNFIT.sub("?", text)[:MAX_CHARACTERS])]


class Told(BaseModel):
    model_config = ConfigDict(extra="forbid")

    step: Annotated[int, Field(ge=0, le=2**53 - 1)]
    index: Annotated[int, Field(ge=0, le=1000)]
    prompt: Text
    text: Text
    decoding: Annotated[Text, Field(max_length=20)] = ""


@transaction.atomic
def record(attempt: Attempt, told: Iterable[Told]) -> bool:
    """Keeps what is new, and what a resumed attempt writes anew; False for a stale attempt."""
    run = attempt.run
    lock(run)
    if not speaks(attempt, run):
        return False
    rows = {
        (one.index, one.step): Sample(run=run, attempt=attempt, **one.model_dump()) for one in told
    }
    Sample.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["run", "index", "step"],
        update_fields=["attempt", "prompt", "text", "decoding", "received_at"],
    )
    publish(run_topic(run.pk), {"type": "samples", "run": run.pk})
    return True


@dataclass(frozen=True)
class Shown:
    """The samples of one prompt, and the prompts there are."""

    prompts: list[tuple[int, str]]
    index: int
    prompt: str
    samples: list[Sample]
    # The step before which older ones lie; None where there are none.
    older_than: int | None


def shown(run: Run, index: int | None, before: int | None) -> Shown | None:
    """None where nothing was written; a number of queries that does not depend on how much was."""
    newest = run.samples.values("index").annotate(step=Max("step")).order_by("index")
    prompts = [(row["index"], row["step"]) for row in newest]
    if not prompts:
        return None
    known = {number for number, _step in prompts}
    chosen = index if index in known else prompts[0][0]
    found = run.samples.filter(index=chosen).order_by("-step")
    if before is not None:
        found = found.filter(step__lt=before)
    samples = list(found[: SHOWN_STEPS + 1])
    more = len(samples) > SHOWN_STEPS
    samples = samples[:SHOWN_STEPS]
    latest = {
        sample.index: sample.prompt
        for sample in run.samples.filter(step__in={step for _number, step in prompts})
    }
    return Shown(
        prompts=[(number, latest.get(number, "")) for number, _step in prompts],
        index=chosen,
        prompt=latest.get(chosen, ""),
        samples=samples,
        older_than=samples[-1].step if more else None,
    )
