"""Asking versions: a conversation's next turn, and single completions of scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from llmhub.registry import playground_serving as serving
from llmhub.registry.models import Answer, Conversation, Mode, ModelVersion, Turn
from llmhub.registry.models.versions import VersionState

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

TITLE_CHARACTERS = 80
# Answers that are not over: of one version, and of one person at all.
MOST_OF_VERSION = 32
MOST_OF_PERSON = 4


class Refused(Exception):
    """Not asked; the text is for the person who did."""


@transaction.atomic
def begin(
    project: Project,
    user: User,
    versions: list[ModelVersion],
    mode: str,
    system: str,
    text: str,
) -> Conversation:
    left, *others = versions
    return Conversation.objects.create(
        project=project,
        created_by=user,
        mode=mode,
        left=left,
        right=others[0] if others else None,
        system=system if mode == Mode.CHAT else "",
        title=title_of(text),
    )


def title_of(text: str) -> str:
    line = " ".join(text.split())
    if not line:
        return _("An empty prompt")
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"


@transaction.atomic
def ask(conversation: Conversation, user: User, text: str, decoding: dict[str, Any]) -> Turn:
    """The next turn, with an answer to come from each side. Raises Refused."""
    locked = Conversation.objects.select_for_update().get(pk=conversation.pk)
    if Answer.objects.open().filter(turn__conversation=locked).exists():
        raise Refused(_("Wait until the model has answered, or stop it."))
    for version in conversation.versions.values():
        check(version, user, answers=len(conversation.versions))
    turns = list(locked.turns.prefetch_related("answers"))
    turn = Turn.objects.create(
        conversation=locked, number=len(turns) + 1, text=text, decoding=decoding
    )
    for side, version in conversation.versions.items():
        Answer.objects.create(
            project_id=locked.project_id,
            version=version,
            turn=turn,
            side=side,
            request=request_of(locked, turns, side, text),
            decoding=decoding,
            asked_by=user,
        )
    locked.changed_at = timezone.now()
    locked.save(update_fields=["changed_at"])
    return turn


def request_of(
    conversation: Conversation, turns: list[Turn], side: str, text: str
) -> dict[str, Any]:
    """What the model reads: in a chat all that was said before on this side."""
    if conversation.mode == Mode.COMPLETION:
        return {"prompt": text}
    messages = messages_before(conversation, turns, side)
    return {"messages": [*messages, {"role": "user", "content": text}]}


def messages_before(
    conversation: Conversation, turns: list[Turn], side: str
) -> list[dict[str, str]]:
    """A question whose answer failed is left out: templates want turns by turns.

    Where a person found one answer better, both sides go on from that one.
    """
    messages = []
    if conversation.system:
        messages.append({"role": "system", "content": conversation.system})
    for turn in turns:
        answer = answer_on(turn, turn.better or side)
        if answer is not None and answer.state == Answer.State.DONE and answer.text:
            messages.append({"role": "user", "content": turn.text})
            messages.append({"role": "assistant", "content": answer.text})
    return messages


def answer_on(turn: Turn, side: str) -> Answer | None:
    return next((answer for answer in turn.answers.all() if answer.side == side), None)


@transaction.atomic
def complete(
    version: ModelVersion, user: User, request: dict[str, Any], decoding: dict[str, Any]
) -> Answer:
    """A script's question, without a conversation. Raises Refused."""
    check(version, user, answers=1)
    return Answer.objects.create(
        project_id=version.model.project_id,
        version=version,
        request=request,
        decoding=decoding,
        asked_by=user,
    )


def check(version: ModelVersion, user: User, answers: int) -> None:
    if version.state != VersionState.READY:
        raise Refused(_("The files of %(version)s are not there.") % {"version": version})
    waiting = Answer.objects.open()
    if waiting.filter(version=version).count() >= MOST_OF_VERSION:
        raise Refused(_("Too many questions wait for %(version)s.") % {"version": version})
    if waiting.filter(asked_by=user).count() + answers > MOST_OF_PERSON:
        raise Refused(_("Your other questions are not answered yet: wait, or stop them."))


@transaction.atomic
def judge(turn: Turn, user: User, better: str) -> None:
    """Which answer is better; nothing takes the judgement back."""
    turn.better, turn.judged_by = better, user if better else None
    turn.save(update_fields=["better", "judged_by"])


def delete(conversation: Conversation) -> None:
    open_answers = Answer.objects.open().filter(turn__conversation=conversation)
    serving.cancel(set(open_answers.values_list("pk", flat=True)))
    conversation.delete()
