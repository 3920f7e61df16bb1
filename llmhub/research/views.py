"""The research of a team: the tracks of the book, and what it wants to find out itself."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.reference import markup
from llmhub.research import linking, page, services, tracks
from llmhub.research.forms import CloseForm, HypothesisForm, LinkForm, PartForm, runs_named
from llmhub.research.models import Hypothesis, LinkedRun
from llmhub.research.page import Filter
from llmhub.runs.models import Run
from llmhub.runs.said import Refused


@require_safe
@project_required()
def research(request: ProjectRequest) -> HttpResponse:
    asked = Filter.read(request.GET.dict())
    context = page.overview(request.project, asked, request.GET.get("page"))
    context["may_act"] = request.membership.may(Role.MEMBER)
    return render(request, "research/research.html", context)


@require_safe
@project_required()
def track(request: ProjectRequest, slug: str) -> HttpResponse:
    found = tracks.named(slug)
    if found is None:
        raise Http404
    context = {
        "track": found,
        "body": markup.html_of(found.text.body),
        "terms": tracks.terms_of(found),
        "resources": tracks.resources_of(found),
        "may_act": request.membership.may(Role.MEMBER),
        **page.lines(Filter(track=slug).rows(request.project), request.GET.get("page")),
    }
    return render(request, "research/track.html", context)


@require_form_methods
@project_required(Role.MEMBER)
def hypothesis_new(request: ProjectRequest) -> HttpResponse:
    """With `?track=` in that track, with `?runs=` with these runs as its variants."""
    runs = runs_named(request.project, request.GET.getlist("runs"))
    first = {"track": request.GET.get("track", ""), "owner": request.user.pk}
    form = HypothesisForm(request.project, data=posted(request), initial=first)
    made = form.write(request.user, runs) if form.is_bound else None
    if made:
        return redirect("hypothesis", made.pk)
    # In another tab the person may go to another project meanwhile.
    query = request.GET.copy()
    query["project"] = request.project.slug
    context = {
        "form": form,
        "runs": runs,
        "names": page.metric_choices(request.project),
        "address": f"{request.path}?{query.urlencode()}",
        "back": reverse("research"),
    }
    return render(request, "research/edit.html", context, status=422 if form.is_bound else 200)


@require_form_methods
@login_required
def hypothesis_edit(request: HubRequest, hypothesis_id: int) -> HttpResponse:
    found = hypothesis_of(request, hypothesis_id, Role.MEMBER)
    first = {name: getattr(found, name) for name in services.WRITTEN} | {"base": found.revision}
    form = HypothesisForm(found.project, found, data=posted(request), initial=first)
    if form.is_bound and form.edit(request.user):
        return redirect("hypothesis", hypothesis_id)
    context = {
        "form": form,
        "hypothesis": found,
        "names": page.metric_choices(found.project),
        "address": reverse("hypothesis-edit", args=[found.pk]),
        "back": reverse("hypothesis", args=[found.pk]),
    }
    return render(request, "research/edit.html", context, status=422 if form.is_bound else 200)


def posted(request: HubRequest) -> object:
    return request.POST if request.method == "POST" else None


def hypothesis_of(request: HubRequest, hypothesis_id: int, role: Role = Role.VIEWER) -> Hypothesis:
    found = access.get(request.user, Hypothesis.objects.with_names(), role, pk=hypothesis_id)
    enter(request, found.project_id)
    return found


@require_safe
@login_required
def hypothesis(request: HubRequest, hypothesis_id: int) -> HttpResponse:
    found = hypothesis_of(request, hypothesis_id)
    if request.htmx.target == "evidence":
        return render(request, "research/_live.html", page.moving(request.user, found))
    context = page.of_hypothesis(request.user, found, picks=request.GET.get("find", ""))
    if request.htmx.target == "pick-runs":
        return render(request, "research/_pick.html", context)
    return render(request, "research/hypothesis.html", context)


@require_POST
@login_required
def hypothesis_close(request: HubRequest, hypothesis_id: int) -> HttpResponse:
    found = hypothesis_of(request, hypothesis_id, Role.MEMBER)
    form = CloseForm(request.POST)
    if form.save(found, request.user):
        messages.success(request, _("The hypothesis is closed."))
        return redirect("hypothesis", hypothesis_id)
    context = page.of_hypothesis(request.user, hypothesis_of(request, hypothesis_id), form)
    return render(request, "research/hypothesis.html", context, status=422)


@require_POST
@login_required
def hypothesis_reopen(request: HubRequest, hypothesis_id: int) -> HttpResponse:
    found = hypothesis_of(request, hypothesis_id, Role.MEMBER)
    if services.reopen(found, request.user):
        messages.success(request, _("It is open again. What was concluded stays in its history."))
    return redirect("hypothesis", hypothesis_id)


@require_POST
@login_required
def hypothesis_archive(request: HubRequest, hypothesis_id: int) -> HttpResponse:
    """Out of the way, or back again."""
    found = hypothesis_of(request, hypothesis_id, Role.MEMBER)
    services.archive(found, request.user, archived=request.POST.get("archived") != "off")
    return redirect("hypothesis", hypothesis_id)


@require_form_methods
@project_required(Role.MEMBER)
def hypothesis_link(request: ProjectRequest) -> HttpResponse:
    """Runs that are there become part of a hypothesis: `?runs=1,2`, or from its page."""
    said = request.POST if request.method == "POST" else request.GET
    runs = runs_named(request.project, said.getlist("runs"))
    form = LinkForm(request.project, data=posted(request))
    if form.is_bound and not runs:
        form.add_error(None, _("Choose at least one run."))
    if form.is_bound and form.is_valid() and linked(request, form, runs):
        return redirect("hypothesis", form.cleaned_data["hypothesis"].pk)
    context = {"form": form, "runs": runs, "ids": ",".join(str(run.pk) for run in runs)}
    return render(request, "research/link.html", context, status=422 if form.is_bound else 200)


def linked(request: ProjectRequest, form: LinkForm, runs: list[Run]) -> bool:
    said = form.cleaned_data
    try:
        n = linking.link(said["hypothesis"], runs, request.user, said["part"], said["note"])
    except Refused as refusal:
        form.refuse(refusal)
        return False
    text = ngettext("%(n)d run is linked.", "%(n)d runs are linked.", n)
    if not n:
        text = _("They are part of it already.")
    messages.success(request, text % {"n": n})
    return True


def link_of(request: HubRequest, hypothesis_id: int, run_id: int) -> LinkedRun:
    found = hypothesis_of(request, hypothesis_id, Role.MEMBER)
    rows = LinkedRun.objects.select_related("hypothesis", "run")
    return get_object_or_404(rows, hypothesis=found, run_id=run_id)


@require_POST
@login_required
def hypothesis_run(request: HubRequest, hypothesis_id: int, run_id: int) -> HttpResponse:
    """Another part for a run, or another note."""
    row = link_of(request, hypothesis_id, run_id)
    form = PartForm(request.POST)
    if form.is_valid():
        linking.change(row, form.cleaned_data["part"], form.cleaned_data["note"])
    else:
        messages.error(request, " ".join(one.reasons[0] for one in form.error_list()))
    return redirect(f"{reverse('hypothesis', args=[hypothesis_id])}#runs")


@require_POST
@login_required
def hypothesis_unlink(request: HubRequest, hypothesis_id: int, run_id: int) -> HttpResponse:
    row = link_of(request, hypothesis_id, run_id)
    linking.unlink(row)
    text = _("“%(run)s” is no part of it any more.") % {"run": row.run}
    messages.success(request, format_html("{} {}", text, undo_button(row)))
    return redirect(f"{reverse('hypothesis', args=[hypothesis_id])}#runs")


def undo_button(row: LinkedRun) -> SafeString:
    """Of the form `link-undo` on the page, with all that the link said."""
    said = (("runs", row.run_id), ("part", row.part), ("note", row.note))
    hidden = '<input type="hidden" form="link-undo" name="{}" value="{}">'
    button = format_html('<button class="button small" form="link-undo">{}</button>', _("Undo"))
    return format_html_join("", hidden, said) + button


@require_safe
@login_required
def hypotheses_of_run(request: HubRequest, run_id: int) -> HttpResponse:
    """A part of the page of a run, fetched by its address."""
    run = access.get(request.user, Run.objects.all(), pk=run_id)
    place = access.membership(request.user, run.project_id)
    context = {
        "run": run,
        "links": page.of_run(run),
        "may_act": place.may(Role.MEMBER) and run.trashed_at is None,
        "project": place.project,
    }
    return render(request, "research/_of_run.html", context)
