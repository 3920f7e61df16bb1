"""What a version in memory expects after a text, for the page that shows how tokens are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef
from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required
from llmhub.accounts.models import Role
from llmhub.datasets.problems import explain
from llmhub.lib.texts import is_storable, whole
from llmhub.registry import playground
from llmhub.registry import playground_serving as serving
from llmhub.registry.models import Answer, ModelVersion, Serving, VersionState
from llmhub.registry.playground_forms import DecodingForm
from llmhub.registry.playground_waiting import answered

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from llmhub.accounts.models import Project
    from llmhub.accounts.requests import ProjectRequest

MOST_CHARACTERS = 2_000
MOST_SECONDS = 20.0


class NotAnswered(Exception):
    """There is no distribution; says why."""


@require_http_methods(["GET", "HEAD", "POST"])
@project_required()
def next_token(request: ProjectRequest) -> HttpResponse:
    """GET lists the versions that can be asked, POST asks one of them."""
    if request.method != "POST":
        found = served(request.project) if request.membership.may(Role.MEMBER) else []
        return JsonResponse({"versions": [{"id": each.pk, "name": str(each)} for each in found]})
    access.require(request.user, request.project, Role.MEMBER)
    try:
        return JsonResponse(expected(request))
    except (NotAnswered, playground.Refused) as reason:
        return JsonResponse({"error": str(reason)}, status=422)


def served(project: Project) -> QuerySet[ModelVersion]:
    """Only what is in memory: a demonstration loads nothing."""
    ready = Serving.objects.filter(version=OuterRef("pk"), state=Serving.State.READY)
    versions = ModelVersion.objects.filter(model__project=project, state=VersionState.READY)
    return versions.filter(Exists(ready)).select_related("model")


def expected(request: ProjectRequest) -> dict[str, Any]:
    version = served(request.project).filter(pk=whole(request.POST.get("version", "")) or 0).first()
    if version is None:
        raise NotAnswered(_("This version is not in memory any more: ask it in the playground."))
    text = request.POST.get("text", "")
    if len(text) > MOST_CHARACTERS or not is_storable(text):
        raise NotAnswered(_("A text of at most %(n)s characters, please.") % {"n": MOST_CHARACTERS})
    answer = playground.complete(version, request.user, {"prompt": text}, decoding())
    return told(answered(answer, MOST_SECONDS))


def decoding() -> dict[str, Any]:
    """One token, and what else there was in its place."""
    form = DecodingForm({"way": "greedy", "max_new_tokens": 1})
    form.is_valid()
    return form.decoding() | {"spread": True}


def told(answer: Answer) -> dict[str, Any]:
    if not answer.is_over():
        serving.cancel({answer.pk})
        raise NotAnswered(_("It took too long: others are being answered. Try again in a moment."))
    if not answer.tokens:
        problem = explain(answer.problem)
        raise NotAnswered(str(problem) if problem else _("It gave no answer."))
    spread: dict[str, Any] | None = answer.tokens[0].get("spread")
    if spread is None:
        # Its process runs from before the hub was brought up to date.
        raise NotAnswered(
            _(
                "This model was loaded by an older release of the hub. Wait until it has left the "
                "memory, then ask it in the playground, which loads it anew."
            )
        )
    return {"text": answer.request["prompt"], **spread}
