"""What an open playground sends, done for the person whose page it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from llmhub.accounts import access
from llmhub.accounts.models import Membership, Role, User
from llmhub.metrics.topics import user_of
from llmhub.registry import playground
from llmhub.registry import playground_serving as serving
from llmhub.registry.models import Answer, Conversation, ModelVersion, Serving
from llmhub.registry.playground_forms import AskForm

MOST_ID = 2**63


@dataclass
class Asked:
    """What the page is told, and the answers that it waits for."""

    message: dict[str, Any]
    answers: set[int] = field(default_factory=set)
    versions: set[int] = field(default_factory=set)


def ask(session_key: str | None, message: dict[str, Any]) -> Asked:
    user = user_of(session_key)
    if user is None:
        return refused({"": [_("You are signed out: sign in again.")]})
    form = AskForm(message.get("values") if isinstance(message.get("values"), dict) else {})
    if not form.is_valid():
        return refused(
            {name: [str(error) for error in errors] for name, errors in form.errors.items()}
        )
    try:
        return _asked(user, message, form)
    except playground.Refused as refusal:
        return refused({"": [str(refusal)]})
    except PermissionDenied as denial:
        return refused({"": [str(denial)]})
    except Http404:
        return refused({"": [_("The conversation or the version is not there any more.")]})


def refused(errors: dict[str, list[str]]) -> Asked:
    return Asked(
        {"type": "refused", "errors": {name or "text": all_ for name, all_ in errors.items()}}
    )


def _asked(user: User, message: dict[str, Any], form: AskForm) -> Asked:
    cleaned = form.cleaned_data
    conversation = conversation_of(user, message, cleaned)
    turn = playground.ask(conversation, user, cleaned["text"], form.decoding())
    answers = {answer.side: answer.pk for answer in turn.answers.all()}
    told = {
        "type": "asked",
        "conversation": conversation.pk,
        "address": reverse("conversation", args=[conversation.pk]),
        "title": conversation.title,
        "turn": turn.pk,
        "text": turn.text,
        "answers": answers,
    }
    versions = {version.pk for version in conversation.versions.values()}
    return Asked(told, set(answers.values()), versions)


def conversation_of(user: User, message: dict[str, Any], cleaned: dict[str, Any]) -> Conversation:
    if message.get("conversation") is not None:
        rows = Conversation.objects.with_names()
        return access.get(user, rows, Role.MEMBER, pk=number(message["conversation"]))
    versions = versions_of(user, message.get("versions"))
    project = versions[0].model.project
    return playground.begin(
        project, user, versions, cleaned["mode"], cleaned["system"], cleaned["text"]
    )


def versions_of(user: User, named: Any) -> list[ModelVersion]:
    """One or two of the same project, in which the person may act."""
    ids = [number(each) for each in named] if isinstance(named, list) else []
    if not 1 <= len(ids) <= 2:
        raise Http404
    found = ModelVersion.objects.select_related("model__project").in_bulk(ids)
    versions = [found[pk] for pk in ids if pk in found]
    if len(versions) != len(ids) or len({version.model.project_id for version in versions}) != 1:
        raise Http404
    access.require(user, versions[0].model.project, Role.MEMBER)
    return versions


def number(value: Any) -> int:
    if not isinstance(value, int) or not 0 < value < MOST_ID:
        raise Http404
    return value


def wake(session_key: str | None, version_ids: set[int]) -> None:
    """Loads what a page is opened for, so that its first question need not wait for that.

    Only for those who may ask; the others read.
    """
    user = user_of(session_key)
    if user is None:
        return
    projects = Membership.objects.filter(user=user, role__in=roles_that_act()).values("project")
    for version in ModelVersion.objects.filter(pk__in=version_ids, model__project__in=projects):
        serving.wake(version.pk)


def roles_that_act() -> list[Role]:
    return [role for role in Role if role.includes(Role.MEMBER)]


def states(version_ids: set[int]) -> list[dict[str, Any]]:
    """How the processes of the versions are; the newest says why it ended, if it did."""
    newest = Serving.objects.filter(version__in=version_ids).order_by("version_id", "-pk")
    return [
        each.news() | {"problem": each.problem, "topic": serving.version_topic(each.version_id)}
        for each in newest.distinct("version_id")
    ]


def ended(answer_ids: set[int]) -> list[dict[str, Any]]:
    """What a page would have heard, had it watched in time."""
    over = Answer.objects.exclude(pk__in=Answer.objects.open()).filter(pk__in=answer_ids)
    return [
        serving.end_news(answer) | {"topic": serving.answer_topic(answer.pk)} for answer in over
    ]
