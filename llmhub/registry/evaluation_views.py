from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.lib.texts import whole
from llmhub.registry import evaluating, evaluation_page
from llmhub.registry.evaluation_forms import EvaluateForm, TaskForm
from llmhub.registry.models import Evaluation, EvaluationTask, TaskKinds

if TYPE_CHECKING:
    from django.db.models import QuerySet


@require_safe
@project_required()
def evaluations(request: ProjectRequest) -> HttpResponse:
    """The versions of a model side by side, and what was evaluated last."""
    base = whole(request.GET.get("base", ""))
    context = evaluation_page.project_context(request.project, request.GET.get("model", ""), base)
    return render(request, "registry/evaluations.html", context)


@require_form_methods
@project_required(Role.MEMBER)
def evaluation_new(request: ProjectRequest) -> HttpResponse:
    chosen = {name: request.GET.getlist(name) for name in ("versions", "tasks")}
    form = EvaluateForm(request.project, request.POST or None, initial=chosen)
    if form.is_bound and form.is_valid():
        try:
            return started(request, form)
        except evaluating.NotReady as refusal:
            form.add_error("versions", str(refusal))
    status = 422 if form.is_bound else 200
    return render(request, "registry/evaluation_new.html", {"form": form}, status=status)


def started(request: ProjectRequest, form: EvaluateForm) -> HttpResponse:
    found = form.start(request.user)
    if len(found) == 1:
        return redirect("evaluation", found[0].pk)
    said = ngettext(
        "%(count)s evaluation was started.", "%(count)s evaluations were started.", len(found)
    )
    messages.success(request, said % {"count": len(found)})
    model = found[0].version.model
    return redirect(f"{reverse('evaluations')}?project={request.project.slug}&model={model.slug}")


def with_all() -> QuerySet[Evaluation]:
    return Evaluation.objects.select_related(
        "version__model", "version__run", "task__dataset_version__dataset", "job", "created_by"
    )


@require_safe
@login_required
def evaluation(request: HubRequest, evaluation_id: int) -> HttpResponse:
    found = access.get(request.user, with_all().defer("counts"), pk=evaluation_id)
    enter(request, found.project_id)
    shown = request.GET.get("shown", "")
    context = evaluation_page.evaluation_context(found, shown, request.GET.get("page"))
    return render(request, "registry/evaluation.html", context)


@require_safe
@project_required()
def evaluation_compare(request: ProjectRequest) -> HttpResponse:
    """Two versions on one task: whether they differ, and in which items."""
    rows = with_all().filter(project=request.project).exclude(figures={}).defer("counts")
    ids = [whole(request.GET.get(name, "")) for name in ("old", "new")]
    found = {each.pk: each for each in rows.filter(pk__in=[pk for pk in ids if pk])}
    old, new = (found.get(pk or 0) for pk in ids)
    if old is None or new is None or old.task_id != new.task_id:
        raise Http404
    context = evaluation_page.compare_context(
        old, new, request.GET.get("shown", ""), request.GET.get("page")
    )
    return render(request, "registry/evaluation_compare.html", context)


@require_safe
@project_required()
def tasks(request: ProjectRequest) -> HttpResponse:
    context = {"tasks": evaluation_page.tasks_of(request.project)}
    return render(request, "registry/evaluation_tasks.html", context)


@require_form_methods
@project_required(Role.MEMBER)
def task_new(request: ProjectRequest) -> HttpResponse:
    posted = request.method == "POST"
    form = TaskForm(
        request.project,
        request.POST if posted else None,
        request.FILES if posted else None,
        initial={"kind": request.GET.get("kind", TaskKinds.EXACT)},
    )
    if form.is_bound and form.is_valid():
        made = form.save(request.user)
        messages.success(request, _("“%(task)s” is registered.") % {"task": made})
        return redirect("evaluation_task", made.pk)
    context = {"form": form, "examples": evaluation_page.EXAMPLES.items()}
    status = 422 if form.is_bound else 200
    return render(request, "registry/evaluation_task_new.html", context, status=status)


@require_safe
@login_required
def task(request: HubRequest, task_id: int) -> HttpResponse:
    rows = EvaluationTask.objects.select_related("dataset_version__dataset", "created_by")
    found = access.get(request.user, rows, pk=task_id)
    enter(request, found.project_id)
    return render(request, "registry/evaluation_task.html", evaluation_page.task_context(found))


@require_POST
@login_required
def task_archive(request: HubRequest, task_id: int) -> HttpResponse:
    """Out of the forms; what was evaluated on it stays. Done again, it is back."""
    found = access.get(request.user, EvaluationTask.objects.all(), Role.MEMBER, pk=task_id)
    found.archived_at = None if found.archived_at else timezone.now()
    found.save(update_fields=["archived_at"])
    return redirect("evaluation_task", found.pk)
