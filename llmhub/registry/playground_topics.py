"""Who may watch what of the playground."""

from __future__ import annotations

import re
from collections.abc import Iterable

from llmhub.metrics.topics import user_of
from llmhub.registry.models import Answer, ModelVersion

TOPIC = re.compile(r"(playground|answer)\.([1-9][0-9]{0,17})\Z", re.ASCII)


def allowed(session_key: str | None, topics: Iterable[str]) -> set[str]:
    """Those of the topics that the person of a session may watch now."""
    user = user_of(session_key)
    if user is None:
        return set()
    named = [match for topic in topics if (match := TOPIC.match(topic))]
    versions = {int(match[2]) for match in named if match[1] == "playground"}
    answers = {int(match[2]) for match in named if match[1] == "answer"}
    seen = ModelVersion.objects.filter(model__project__memberships__user=user, pk__in=versions)
    heard = Answer.objects.visible_to(user).filter(pk__in=answers)
    return {
        *(f"playground.{pk}" for pk in seen.values_list("pk", flat=True)),
        *(f"answer.{pk}" for pk in heard.values_list("pk", flat=True)),
    }


def versions_in(topics: Iterable[str]) -> set[int]:
    return _numbers("playground", topics)


def answers_in(topics: Iterable[str]) -> set[int]:
    return _numbers("answer", topics)


def _numbers(kind: str, topics: Iterable[str]) -> set[int]:
    named = (TOPIC.match(topic) for topic in topics)
    return {int(match[2]) for match in named if match and match[1] == kind}
