from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.registry import playground, playground_page, playground_rows
from llmhub.registry.models import Conversation, Side, Turn

if TYPE_CHECKING:
    from llmhub.accounts.requests import HubRequest


@require_safe
@project_required()
def new(request: HubRequest) -> HttpResponse:
    """Nothing asked yet: the versions are chosen in the address."""
    return render(request, "registry/playground.html", playground_page.context(request))


@require_safe
@login_required
def conversation(request: HubRequest, conversation_id: int) -> HttpResponse:
    found = access.get(request.user, Conversation.objects.with_names(), pk=conversation_id)
    enter(request, found.project_id)
    return render(request, "registry/playground.html", playground_page.context(request, found))


@require_POST
@login_required
def delete(request: HubRequest, conversation_id: int) -> HttpResponse:
    found = access.get(request.user, Conversation.objects.all(), Role.MEMBER, pk=conversation_id)
    playground.delete(found)
    messages.success(request, _("“%(title)s” was deleted.") % {"title": found.title})
    return redirect("playground")


@require_POST
@login_required
def keep(request: HubRequest, conversation_id: int) -> HttpResponse:
    """The rows of the conversation become rows of a dataset, whose page shows the work."""
    rows = Conversation.objects.select_related("project")
    found = access.get(request.user, rows, Role.MEMBER, pk=conversation_id)
    what = request.POST.get("what", "")
    if what not in playground_rows.NAMES:
        raise Http404
    try:
        begun = playground_rows.keep(found, request.user, what)
    except playground.Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("conversation", conversation_id)
    return redirect("import", begun.pk)


@require_POST
@login_required
def judge(request: HubRequest, turn_id: int) -> HttpResponse:
    """Which answer is better. The press that says it already takes it back."""
    turn = get_object_or_404(Turn.objects.select_related("conversation"), pk=turn_id)
    access.require(request.user, turn.conversation.project_id, Role.MEMBER)
    better = request.POST.get("better", "")
    if better not in Side.values:
        raise Http404
    playground.judge(turn, request.user, "" if turn.better == better else better)
    if request.htmx:
        return render(request, "registry/_judgement.html", {"turn": turn, "may_ask": True})
    return redirect("conversation", turn.conversation_id)
