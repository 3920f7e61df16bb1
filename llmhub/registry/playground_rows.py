"""From conversations to rows of datasets: prompts for evaluations, pairs for preferences.

The project has one dataset of each; every press gives it a version more, with all rows so far.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.models import Project, User
from llmhub.datasets import imports
from llmhub.datasets.models import Import
from llmhub.datasets.services import named
from llmhub.registry.models import Answer, Conversation, Mode, Side, Turn
from llmhub.registry.playground import Refused, answer_on

Row = dict[str, Any]

PROMPTS, PAIRS = "prompts", "pairs"
NAMES = {PROMPTS: "Playground prompts", PAIRS: "Playground preferences"}
FLAGS = {PROMPTS: "gives_prompts", PAIRS: "gives_pairs"}
DESCRIPTIONS = {
    PROMPTS: gettext_lazy("What people asked in the playground and kept, to ask it again."),
    PAIRS: gettext_lazy("Answers in the playground of which people found one better."),
}


@transaction.atomic
def keep(conversation: Conversation, user: User, what: str) -> Import:
    """The next version of the project's dataset, with the rows of this conversation."""
    if not _rows(what, conversation):
        raise Refused(_MISSING[what]())
    Conversation.objects.filter(pk=conversation.pk).update(**{FLAGS[what]: True})
    content = "".join(json.dumps(row) + "\n" for row in all_rows(conversation.project, what))
    facts = {
        "name": NAMES[what],
        "description": str(DESCRIPTIONS[what]),
        "source": _("The playground of this project"),
    }
    return imports.bring(
        conversation.project,
        user,
        facts,
        f"playground-{what}.jsonl",
        content.encode(),
        dataset=named(conversation.project, NAMES[what]),
    )


_MISSING = {
    PROMPTS: lambda: _("There is no question in this conversation yet."),
    PAIRS: lambda: _("Choose the better answer of at least one turn first."),
}


def all_rows(project: Project, what: str) -> Iterator[Row]:
    """Each once, in the order in which they were asked."""
    kept = Conversation.objects.filter(project=project, **{FLAGS[what]: True}).order_by("pk")
    seen = set()
    for conversation in kept.prefetch_related("turns__answers"):
        for row in _rows(what, conversation):
            if (text := json.dumps(row)) not in seen:
                seen.add(text)
                yield row


def _rows(what: str, conversation: Conversation) -> list[Row]:
    turns = list(conversation.turns.all())
    return list(prompts(conversation, turns) if what == PROMPTS else pairs(turns))


def prompts(conversation: Conversation, turns: Iterable[Turn]) -> Iterator[Row]:
    """Of a chat the first question: the others mean nothing without what was said before."""
    for turn in turns:
        if turn.text.strip() and (conversation.mode == Mode.COMPLETION or turn.number == 1):
            yield {"prompt": turn.text, "system": conversation.system}


def pairs(turns: Iterable[Turn]) -> Iterator[Row]:
    """Turns that were judged, where both sides had read the same and wrote differently."""
    for turn in turns:
        left, right = answer_on(turn, Side.LEFT), answer_on(turn, Side.RIGHT)
        if turn.better and left and right and _are_comparable(left, right):
            chosen, rejected = (left, right) if turn.better == Side.LEFT else (right, left)
            yield {
                "prompt": turn.text,
                "chosen": chosen.text,
                "rejected": rejected.text,
                "history": left.request.get("messages", [{}])[:-1],
            }


def _are_comparable(left: Answer, right: Answer) -> bool:
    is_read_alike = left.request == right.request and left.text != right.text
    return is_read_alike and {left.state, right.state} == {Answer.State.DONE}
