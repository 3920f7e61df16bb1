"""The page of a project's runs: filter, columns, order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe
from django_htmx.http import push_url, reswap, retarget

from llmhub.accounts.decorators import project_required
from llmhub.accounts.models import Role
from llmhub.accounts.requests import ProjectRequest
from llmhub.dashboard import columns, completion, runs_table, saved_views
from llmhub.dashboard.models import SavedView
from llmhub.dashboard.runs_address import Address
from llmhub.jobs.live import project_topic
from llmhub.metrics.filters.conditions import condition
from llmhub.metrics.filters.errors import FilterError
from llmhub.metrics.filters.names import Names
from llmhub.metrics.filters.parser import parse
from llmhub.metrics.filters.tree import All, Node, joined
from llmhub.runs.models import Run
from llmhub.runs.states import State

# Of a long filter so much is shown on each side of what is wrong in it.
AROUND = 40
# Of a filter that finds nothing, so many conditions are tried without.
MOST_LOOSENED = 4


@dataclass(frozen=True)
class Wrong:
    """A filter that cannot be read, cut around the place."""

    error: FilterError
    text: str

    @property
    def before(self) -> str:
        shown = self.text[max(0, self.error.start - AROUND) : self.error.start]
        return f"…{shown}" if self.error.start > AROUND else shown

    @property
    def marked(self) -> str:
        return self.text[self.error.start : self.error.end]

    @property
    def after(self) -> str:
        shown = self.text[self.error.end : self.error.end + AROUND]
        return f"{shown}…" if len(self.text) > self.error.end + AROUND else shown

    @property
    def blank(self) -> str:
        return " " * len(self.before)

    @property
    def carets(self) -> str:
        return "^" * (self.error.end - self.error.start)

    @property
    def offers(self) -> list[tuple[str, str]]:
        """Each name that may be meant, and the filter with it."""
        start, end = self.error.start, self.error.end
        return [(name, self.text[:start] + name + self.text[end:]) for name in self.error.nearest]


@require_safe
@project_required()
def runs(request: ProjectRequest) -> HttpResponse:
    address = Address.read(request.GET.dict())
    return part(request, address) if request.htmx else whole_page(request, address)


def whole_page(request: ProjectRequest, address: Address) -> HttpResponse:
    saved = list(SavedView.objects.seen_by(request.user, request.project))
    view = saved_views.default(saved) if address.says_nothing else None
    if view:
        return redirect(str(saved_views.address_of(view)))
    try:
        context = table(request, address)
    except FilterError as error:
        context = frame(request, address) | {"wrong": Wrong(error, address.filter)}
    return render(request, "dashboard/runs.html", context | views(request, address, saved))


def part(request: ProjectRequest, address: Address) -> HttpResponse:
    """The list alone, or what is wrong with the filter while the list stays as it is."""
    try:
        context = table(request, address) | {"clears": True}
    except FilterError as error:
        wrong = {"wrong": Wrong(error, address.filter)}
        response = render(request, "dashboard/_filter_said.html", wrong)
        return reswap(retarget(response, "#filter-said"), "outerHTML")
    response = render(request, "dashboard/_runs.html", context)
    # A refresh by itself is no step in the browser's history.
    refreshed = request.htmx.target == "runs-live"
    return response if refreshed else push_url(response, str(address))


def table(request: ProjectRequest, address: Address) -> dict[str, Any]:
    """Raises FilterError."""
    names = Names(request.project)
    node = parse(address.filter)
    wanted = condition(node, request.project, request.user, names)
    found = Run.objects.filter(wanted, project=request.project)
    shown = columns.read(address.columns or columns.DEFAULT, names, columns.DEFAULT)
    sort = runs_table.Sort.read(address.sort or runs_table.NEWEST_FIRST, names)
    page = runs_table.page_of(found, sort, address.page, all_of_them=node is None)
    return frame(request, address) | {
        "sort": sort,
        "columns": shown,
        "has_tags": any(column.key == "tags" for column in shown),
        "page": page,
        "previous": str(replace(address, page=str(page.number - 1))),
        "next": str(replace(address, page=str(page.number + 1))),
        "rows": runs_table.rows(page.ids, shown),
        "looser": [] if page.ids else looser(node, address, request),
    }


def looser(node: Node | None, address: Address, request: ProjectRequest) -> list[dict[str, Any]]:
    """Where nothing matches: what the filter would find without one of its conditions."""
    if not isinstance(node, All):
        return []
    parts = node.parts[:MOST_LOOSENED]
    rests = [joined(All, [part for part in node.parts if part is not one]) for one in parts]
    tried = [
        {
            "text": str(rest),
            "url": str(address.with_(filter=str(rest))),
            "found": matching(request, rest),
        }
        for rest in rests
    ]
    return [one for one in tried if one["found"]]


def matching(request: ProjectRequest, node: Node) -> int:
    wanted = condition(node, request.project, request.user)
    found = Run.objects.filter(wanted, project=request.project)
    return found.order_by()[: runs_table.COUNTED].count()


def frame(request: ProjectRequest, address: Address) -> dict[str, Any]:
    """What stands around the rows, also where there are none."""
    return {
        "address": address,
        "topic": project_topic(request.project.pk),
        "states": dict(State.choices),
        "may_act": request.membership.may(Role.MEMBER),
        "name_column": columns.name_column(),
        "plain": str(Address(columns=address.columns, sort=address.sort)),
    }


def views(request: ProjectRequest, address: Address, saved: list[SavedView]) -> dict[str, Any]:
    """The saved views, with their links, and the one that is open."""
    current = next((view for view in saved if str(view.pk) == address.view), None)
    return {
        "views": [(view, str(saved_views.address_of(view))) for view in saved],
        "view": current,
        "may_change_view": current and saved_views.may_change(request.membership, current),
        "all_runs": str(Address(view="all")),
    }


@require_safe
@project_required()
def run_names(request: ProjectRequest) -> JsonResponse:
    """What a filter of this project may say, for the completion of the field."""
    return JsonResponse(completion.names(request.project))
