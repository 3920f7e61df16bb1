"""Whether the machines are ready for a run: devices, disk, metrics, checkpoints."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.checklists.checks.base import About, Check, Finding, Work, failed, found, undecided
from llmhub.checklists.items import Part
from llmhub.checklists.models import Evidence
from llmhub.checklists.reasons import reason
from llmhub.recipes.specs import PretrainSpec
from llmhub.runs import needs
from llmhub.runs.models import Attempt, Worker

DEVICES = "devices-tested"
# Of the data on the disk: they, their tokens, and as much again.
TIMES_THE_DATA = 3
# A weight and the two moments of its optimizer, in fp32.
CHECKPOINT_BYTES = 3 * 4
# Besides those that are kept: the best one, and the one that is being written.
MORE_CHECKPOINTS = 2
LATELY = timedelta(hours=24)
HOURS = round(LATELY.total_seconds() / 3600)
GIGABYTE = 10**9


def able(about: About) -> list[Worker]:
    """The workers that are up and could take the run."""
    workers = Worker.objects.alive()
    return [worker for worker in workers if worker.may_take(about.run.processes)]


def free_disk(about: About) -> Finding:
    workers = able(about)
    if not workers:
        return failed("no_worker")
    data = sum(version.bytes for version in about.data)
    parameters = parameters_of(about)
    if parameters is None:
        return undecided("size_unknown")
    checkpoints = about.spec.runtime.keep_checkpoints + MORE_CHECKPOINTS
    needed = TIMES_THE_DATA * data + checkpoints * CHECKPOINT_BYTES * parameters
    free = {worker.name: worker.disk_free_bytes for worker in workers}
    faults = [
        reason("disk_small", worker=name, free=gigabytes(has), needed=gigabytes(needed))
        for name, has in free.items()
        if has < needed
    ]
    figures = {"needed": needed, "data": data, "parameters": parameters, "free": free}
    return found(faults, reason("disk_enough", needed=gigabytes(needed)), figures)


def gigabytes(size: int) -> float:
    return round(size / GIGABYTE, 3)


def parameters_of(about: About) -> int | None:
    """None where nobody knows the shape of the base model."""
    rows = sum(version.rows for version in about.data)
    estimate = needs.estimate_of(about.spec, None, about.project, rows)
    return estimate.parameters if estimate else None


def metrics_arrive(about: About) -> Finding:
    since = timezone.now() - LATELY
    lately = Attempt.objects.filter(
        run__project=about.project, started_at__gt=since, worker__in=Worker.objects.alive()
    )
    heard = lately.filter(Q(batches__isnull=False) | Q(blocks__isnull=False))
    last = heard.select_related("run", "worker").order_by("-started_at").first()
    if last and last.worker:
        figures = {"run": last.run_id, "attempt": last.pk, "hours": HOURS}
        return found(
            (), reason("metrics_arrive", run=last.run.name, worker=last.worker.name), figures
        )
    runs = lately.values("run").distinct().count()
    if not runs:
        return undecided("nothing_ran", {"hours": HOURS}, hours=HOURS)
    return failed("no_metrics", {"runs": runs, "hours": HOURS}, runs=runs, hours=HOURS)


def checkpoints_on(about: About) -> Finding:
    runtime, steps = about.spec.runtime, steps_of(about)
    if steps is None:
        return undecided("steps_unknown")
    figures = {
        "every": runtime.checkpoint_every,
        "steps": steps,
        "kept": runtime.keep_checkpoints,
    }
    if runtime.checkpoint_every >= steps:
        return failed(
            "no_checkpoint_on_the_way", figures, every=runtime.checkpoint_every, steps=steps
        )
    return found((), reason("checkpoints_on", **figures), figures)


def steps_of(about: About) -> int | None:
    """As far as it is set, or follows from the rows. None for text in packed sequences."""
    training: Any = about.spec.training
    most: int | None = training.max_steps or None
    rows = sum(version.rows for version in about.data)
    if isinstance(about.spec, PretrainSpec) or not rows or getattr(training, "packing", False):
        return most
    trained = rows * (1 - about.spec.data.validation_share)
    steps: int = training.epochs * math.ceil(trained / training.batch_size)
    return min(steps, most or steps)


def judge_devices(about: About, result: dict[str, Any]) -> Finding:
    node, devices = result["node"], result["devices"]
    figures = {"node": node, "devices": devices, "together": result["together"]}
    wrong = [
        f"{device['name']}: {what}" for device in devices for what in device["wrong"]
    ] + result["together"].get("wrong", [])
    if wrong:
        return failed("devices_wrong", figures, worker=node, what=wrong)
    others = sorted({worker.name for worker in able(about)} - {node} - tested(about))
    if others:
        return undecided("devices_untested", figures, worker=node, others=others)
    names = [device["name"] for device in devices]
    return found((), reason("devices_tested", worker=node, devices=names), figures)


def tested(about: About) -> set[str]:
    """Machines on which the devices were found in order within a day."""
    lately = Evidence.objects.filter(
        checklist__project=about.project,
        check_name=DEVICES,
        taken_at__gt=timezone.now() - LATELY,
        outcome__in=["passed", "unknown"],
    )
    return {row["node"] for row in lately.values_list("measured", flat=True) if "node" in row}


def ask_devices(about: About) -> dict[str, Any]:
    return {}


def before_devices(about: About) -> Finding | None:
    return None if able(about) else failed("no_worker")


CHECKS = (
    Check(
        name=DEVICES,
        version=1,
        title=_("Test of the devices"),
        proves=_(
            "On the worker that is named each device multiplied matrices as a processor does, and "
            "gave back what was written into its memory; several GPUs added up their numbers."
        ),
        leaves_open=_("Whether they bear the load of days, and other workers that are named."),
        parts=(Part.TARGET,),
        work=Work("checklist.devices", ask_devices, judge_devices, before_devices),
    ),
    Check(
        name="free-disk",
        version=1,
        title=_("Room on the disk"),
        proves=_(
            "Every worker that can take the run has three times the size of the data free, and "
            "room for the checkpoints that are kept."
        ),
        leaves_open=_("What other runs will write meanwhile."),
        parts=(Part.DATA, Part.RECIPE, Part.TARGET),
        look=free_disk,
    ),
    Check(
        name="metrics-arrive",
        version=1,
        title=_("Metrics arrive"),
        proves=_("Within a day a run of this project on a worker that is up delivered metrics."),
        leaves_open=_("Whether anybody looks at them, and is told when something is wrong."),
        parts=(Part.TARGET,),
        look=metrics_arrive,
    ),
    Check(
        name="checkpoints-on",
        version=1,
        title=_("Checkpoints"),
        proves=_("Checkpoints are written on the way, and some are kept."),
        leaves_open=_("Whether they lie on another disk too."),
        parts=(Part.RECIPE,),
        look=checkpoints_on,
    ),
)
