"""What the playground shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language

from llmhub.accounts.models import Role
from llmhub.lib.texts import whole
from llmhub.registry import playground_serving as serving
from llmhub.registry.models import Answer, Conversation, ModelVersion, Side, VersionState
from llmhub.registry.playground_forms import AskForm

if TYPE_CHECKING:
    from django.http import QueryDict

    from llmhub.accounts.models import Project
    from llmhub.accounts.requests import HubRequest

MOST_LISTED = 50


def versions_of(project: Project) -> list[ModelVersion]:
    """Those that can be talked to, the newest of each model first."""
    rows = ModelVersion.objects.filter(model__project=project, state=VersionState.READY)
    return list(rows.select_related("model").order_by("model__name", "model", "-number"))


def chosen(versions: list[ModelVersion], query: QueryDict) -> dict[Side, ModelVersion]:
    """By the address; without one the first version alone."""
    by_pk = {version.pk: version for version in versions}
    left = by_pk.get(whole(query.get("left", "")) or 0) or next(iter(versions), None)
    right = by_pk.get(whole(query.get("right", "")) or 0)
    if left is None:
        return {}
    return {Side.LEFT: left} | ({Side.RIGHT: right} if right and right != left else {})


def context(request: HubRequest, conversation: Conversation | None = None) -> dict[str, Any]:
    assert request.project is not None, "held by the views"
    assert request.membership is not None, "held by the views"
    versions = versions_of(request.project)
    sides = conversation.versions if conversation else chosen(versions, request.GET)
    turns = turns_of(conversation) if conversation else []
    recent = Conversation.objects.filter(project=request.project).with_names()
    return {
        "conversation": conversation,
        "conversations": recent[:MOST_LISTED],
        "versions": versions,
        "sides": [(side, version) for side, version in sides.items()],
        "right": sides.get(Side.RIGHT),
        "turns": turns,
        "is_judged": any(turn["turn"].better for turn in turns),
        "form": form_of(conversation, turns),
        "may_ask": request.membership.may(Role.MEMBER),
        "state": state_of(sides, conversation, turns)
        # Nobody has chosen the first of the alphabet: it waits for a question.
        | {"wakes": conversation is not None or "left" in request.GET},
    }


def turns_of(conversation: Conversation) -> list[dict[str, Any]]:
    """Each turn with its answers by side."""
    found = []
    for turn in conversation.turns.prefetch_related("answers"):
        by_side = {answer.side: answer for answer in turn.answers.all()}
        answers = [(side, by_side.get(side)) for side in conversation.versions]
        found.append({"turn": turn, "answers": answers})
    return found


def kept(answer: Answer) -> dict[str, Any]:
    return {
        "tokens": answer.tokens,
        "ended_by": answer.ended_by,
        "figures": answer.figures,
    }


def form_of(conversation: Conversation | None, turns: list[dict[str, Any]]) -> AskForm:
    """Its fields stand in several places of the page, and some of these have forms of their own."""
    form = AskForm(initial=last_values(conversation, turns))
    for field in form.fields.values():
        field.widget.attrs["form"] = "ask"
    return form


def last_values(conversation: Conversation | None, turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Who goes on, goes on as before."""
    if conversation is None:
        return {}
    last = turns[-1]["turn"].decoding if turns else {}
    return last | {"mode": conversation.mode, "system": conversation.system}


def state_of(
    sides: dict[Side, ModelVersion],
    conversation: Conversation | None,
    turns: list[dict[str, Any]],
) -> dict[str, Any]:
    """What the page's script begins with."""
    answers = [answer for turn in turns for _, answer in turn["answers"] if answer]
    return {
        "conversation": conversation.pk if conversation else None,
        "versions": [version.pk for version in sides.values()],
        "topics": [serving.version_topic(version.pk) for version in sides.values()],
        "language": get_language(),
        "open": [answer.pk for answer in answers if not answer.is_over()],
        "kept": {answer.pk: kept(answer) for answer in answers if answer.is_over()},
        "ends": {value: str(label) for value, label in Answer.EndedBy.choices},
    }
