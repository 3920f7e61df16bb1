from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.lib.texts import whole
from llmhub.registry import reviewing
from llmhub.registry.models import Evaluation, Review
from llmhub.registry.review_forms import ReviewForm
from llmhub.registry.scores import score_of

if TYPE_CHECKING:
    from django.db.models import QuerySet


def with_all() -> QuerySet[Review]:
    return Review.objects.select_related(
        "project",
        "first__version__model",
        "first__task",
        "second__version__model",
        "created_by",
    ).defer("first__counts", "first__figures", "second__counts", "second__figures")


@require_safe
@project_required()
def reviews(request: ProjectRequest) -> HttpResponse:
    rows = with_all().filter(project=request.project)
    found = list(rows.prefetch_related("people").annotate(judged=Count("verdicts"))[:100])
    mine = {each.pk for each in found if request.user in each.people.all()}
    return render(request, "registry/reviews.html", {"reviews": found, "mine": mine})


@require_form_methods
@project_required(Role.MEMBER)
def review_new(request: ProjectRequest) -> HttpResponse:
    """Of the answers of one evaluation, or of two on the same task."""
    first, second = chosen(request)
    posted = request.POST if request.method == "POST" else None
    form = ReviewForm(request.project, first, second, posted)
    made = form.open(request.user) if form.is_bound and form.is_valid() else None
    if made:
        return redirect("review", made.pk)
    context = {"form": form, "first": first, "second": second}
    status = 422 if form.is_bound else 200
    return render(request, "registry/review_new.html", context, status=status)


def chosen(request: ProjectRequest) -> tuple[Evaluation, Evaluation | None]:
    rows = Evaluation.objects.filter(project=request.project).exclude(figures={})
    rows = rows.select_related("version__model", "task", "project").defer("counts")
    ids = [whole(request.GET.get(name, "")) or 0 for name in ("first", "second")]
    found = {each.pk: each for each in rows.filter(pk__in=ids)}
    first, second = found.get(ids[0]), found.get(ids[1])
    if first is None or not reviewing.can_be_judged(first, second):
        raise Http404
    return first, second


@require_safe
@login_required
def review(request: HubRequest, review_id: int) -> HttpResponse:
    found = access.get(request.user, with_all(), pk=review_id)
    enter(request, found.project_id)
    done = dict(found.verdicts.values_list("person").annotate(Count("pk")))
    people = list(found.people.order_by("name", "pk"))
    results = list(found.results.select_related("version__model", "task").defer("counts"))
    context: dict[str, Any] = {
        "review": found,
        "total": len(found.positions),
        "people": [(person, done.get(person.pk, 0)) for person in people],
        "is_mine": request.user in people,
        "results": [(each, score_of(each)) for each in results],
        "agreement": results[0].figures["agreement"] if results else None,
        "judged": sum(done.values()),
    }
    return render(request, "registry/review.html", context)


@require_form_methods
@login_required
def review_judge(request: HubRequest, review_id: int) -> HttpResponse:
    """One item after the other; only for those whom it is assigned to."""
    found = access.get(request.user, with_all(), Role.MEMBER, pk=review_id)
    enter(request, found.project_id)
    if not found.people.filter(pk=request.user.pk).exists():
        raise PermissionDenied(_("This review is assigned to other people."))
    if request.method == "POST":
        position = whole(request.POST.get("position", ""))
        try:
            said = request.POST.get("said", "")
            reviewing.judge(found, request.user, -1 if position is None else position, said)
        except reviewing.Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("review_judge", found.pk)
    asked = reviewing.next_question(found, request.user) if found.is_open() else None
    if asked is None:
        return redirect("review", found.pk)
    context = {"review": found, "asked": asked, "ratings": reviewing.RATINGS}
    return render(request, "registry/review_judge.html", context)


@require_POST
@login_required
def review_close(request: HubRequest, review_id: int) -> HttpResponse:
    found = access.get(request.user, with_all(), Role.MEMBER, pk=review_id)
    try:
        reviewing.close(found, request.user)
    except reviewing.Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The review is closed; its results are evaluations now."))
    return redirect("review", found.pk)
