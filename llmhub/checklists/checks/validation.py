"""What the run is measured by, and when it ends."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from llmhub.checklists.checks.base import About, Check, Finding, failed, found, undecided
from llmhub.checklists.checks.infrastructure import steps_of
from llmhub.checklists.items import Part
from llmhub.checklists.reasons import reason
from llmhub.registry.models import EvaluationTask

# Named in the reason; the others are counted.
SHOWN = 5


def benchmarks(about: About) -> Finding:
    tasks = EvaluationTask.objects.filter(project=about.project, archived_at=None)
    named = [str(task) for task in tasks]
    if not named:
        return failed("no_benchmark")
    inputs = {str(task): task.sha256 for task in tasks if task.sha256}
    in_order = reason("benchmarks_named", tasks=named[:SHOWN])
    return found((), in_order, {"tasks": len(named)}, inputs)


def stopping(about: About) -> Finding:
    runtime, steps = about.spec.runtime, steps_of(about)
    if steps is None:
        return undecided("steps_unknown")
    figures = {
        "steps": steps,
        "every": runtime.eval_every,
        "not_finite": runtime.not_finite_steps,
    }
    if runtime.eval_every > steps:
        return failed("no_validation_on_the_way", figures, every=runtime.eval_every, steps=steps)
    return found((), reason("stopping_criteria", **figures), figures)


CHECKS = (
    Check(
        name="benchmarks-named",
        version=1,
        title=_("Benchmarks"),
        proves=_("The project has tasks that the model can be evaluated with."),
        leaves_open=_("Whether they measure what the model is for."),
        parts=(Part.RECIPE,),
        look=benchmarks,
    ),
    Check(
        name="stopping-criteria",
        version=1,
        title=_("Stopping criteria"),
        proves=_(
            "The run has an end, measures its validation loss on the way, and stops by itself "
            "when the loss is no number any more."
        ),
        leaves_open=_("Whether somebody stops it when it learns nothing more."),
        parts=(Part.RECIPE,),
        look=stopping,
    ),
)
