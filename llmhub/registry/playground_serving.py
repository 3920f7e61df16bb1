"""Processes that hold a version in memory: wanted by a page, taken by a worker, ended when idle.

Each change is one guarded UPDATE or happens under the row's lock: whoever finds the serving ended
is stale.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from llmhub.accounts.models import hash_secret, new_secret
from llmhub.jobs import outbox
from llmhub.jobs.live import publish
from llmhub.lib.problems import Problem
from llmhub.registry import damage
from llmhub.registry.models import Answer, ModelVersion, Serving

if TYPE_CHECKING:
    from django.db.models import QuerySet

TASK = "workers.tasks.serve_models"
# Questions of a page that is gone without a word, and answers that a script did not come back for.
FORGOTTEN_AFTER = timedelta(minutes=15)
KEEP_SCRIPTED = timedelta(days=1)

State = Serving.State


def version_topic(version_id: int) -> str:
    return f"playground.{version_id}"


def answer_topic(answer_id: int) -> str:
    return f"answer.{answer_id}"


def serving_topic(serving_id: int) -> str:
    """What the socket of the process listens to."""
    return f"serving.{serving_id}"


@transaction.atomic
def wake(version_id: int) -> Serving:
    """The process of a version, which is told to look for questions; a new one where none is."""
    ModelVersion.objects.select_for_update(no_key=True).get(pk=version_id)
    for lost in Serving.objects.silent().filter(version_id=version_id):
        end(lost)
    found = Serving.objects.open().filter(version_id=version_id).first()
    if found is None:
        found = Serving.objects.create(version_id=version_id)
        outbox.enqueue(TASK, [])
        announce(found)
    publish(serving_topic(found.pk), {"type": "look"})
    return found


@transaction.atomic
def claim(node: str) -> tuple[Serving, str] | None:
    """The serving that waits longest, now this machine's, with the token of its process."""
    waiting = Serving.objects.filter(state=State.WAITING).order_by("pk")
    serving = waiting.select_for_update(skip_locked=True).first()
    if serving is None:
        return None
    secret = new_secret()
    serving.state, serving.node, serving.secret_hash = State.LOADING, node, hash_secret(secret)
    serving.save(update_fields=["state", "node", "secret_hash"])
    Serving.objects.filter(pk=serving.pk).update(seen_at=Now())
    announce(serving)
    return serving, secret


@transaction.atomic
def make_room(node: str) -> None:
    """Somebody waits and this machine is full: the model that was not asked for longest goes."""
    if not Serving.objects.filter(state=State.WAITING).exists():
        return
    idle = _ready(node).filter(~Exists(_open_answers())).order_by("asked_at")
    serving = idle.select_for_update(skip_locked=True, of=("self",)).first()
    if serving:
        end(serving)


def _ready(node: str) -> QuerySet[Serving]:
    return Serving.objects.filter(node=node, state=State.READY)


def _open_answers() -> QuerySet[Answer]:
    return Answer.objects.open().filter(version=OuterRef("version"))


def by_secret(serving_id: int, secret: str) -> Serving | None:
    """Of a process that speaks for it now."""
    rows = Serving.objects.open().filter(pk=serving_id, secret_hash=hash_secret(secret))
    return rows.exclude(secret_hash="").first()


@transaction.atomic
def lose_answers(serving_id: int) -> None:
    """The way to the process was cut: what it was writing nobody will hear."""
    for answer in _writing(serving_id):
        refuse(answer.pk, serving_id, Problem("playground_lost"))


def seen(serving_id: int) -> bool:
    """False when it shall end."""
    return bool(Serving.objects.open().filter(pk=serving_id).update(seen_at=Now()))


@transaction.atomic
def ready(serving_id: int, facts: dict[str, Any]) -> None:
    open_now = Serving.objects.open().filter(pk=serving_id)
    if open_now.update(state=State.READY, facts=facts, seen_at=Now()):
        announce(Serving.objects.get(pk=serving_id))


@transaction.atomic
def end_idle(serving_id: int) -> bool:
    """Ends it unless somebody asks just now; whether it is over."""
    serving = Serving.objects.select_for_update().get(pk=serving_id)
    if Answer.objects.open().filter(version=serving.version_id).exists():
        return False
    end(serving)
    return True


@transaction.atomic
def end(serving: Serving, problem: Problem | None = None) -> None:
    """Its answers are lost. Questions that still wait get another process, or the same problem."""
    told = problem.as_json() if problem else {}
    damage.note(serving.version, told)
    now_ended = Serving.objects.open().filter(pk=serving.pk)
    if not now_ended.update(state=State.ENDED, problem=told, ended_at=Now()):
        return
    serving.refresh_from_db()
    lose_answers(serving.pk)
    announce(serving)
    publish(serving_topic(serving.pk), {"type": "go"})
    waiting = Answer.objects.filter(version=serving.version_id, state=Answer.State.QUEUED)
    if problem:
        for answer in waiting:
            refuse(answer.pk, None, problem)
    elif waiting.exists():
        wake(serving.version_id)


def announce(serving: Serving) -> None:
    publish(version_topic(serving.version_id), serving.news() | {"problem": serving.problem})


# Answers


@transaction.atomic
def take(serving_id: int) -> list[dict[str, Any]]:
    """The questions that wait for a process which is ready, now its own."""
    ready_now = Serving.objects.filter(pk=serving_id, state=State.READY)
    serving = ready_now.select_for_update().first()
    if serving is None:
        return []
    waiting = Answer.objects.filter(version=serving.version_id, state=Answer.State.QUEUED)
    taken = list(waiting.select_for_update(skip_locked=True).order_by("pk"))
    Answer.objects.filter(pk__in=[answer.pk for answer in taken]).update(
        state=Answer.State.WRITING, serving=serving
    )
    if taken:
        ready_now.update(asked_at=Now())
    return [
        {"type": "write", "answer": answer.pk, "decoding": answer.decoding, **answer.request}
        for answer in taken
    ]


@transaction.atomic
def finish(answer_id: int, serving_id: int, written: dict[str, Any]) -> None:
    """Keeps what was written; nothing where the answer is not this process's any more."""
    names = ("text", "tokens", "ended_by", "figures")
    values = {name: written[name] for name in names}
    if _writing(serving_id).filter(pk=answer_id).update(state=Answer.State.DONE, **values):
        tell_end(answer_id)


@transaction.atomic
def refuse(answer_id: int, serving_id: int | None, problem: Problem) -> None:
    """`serving_id`: None for an answer that no process has taken."""
    rows = Answer.objects.open().filter(pk=answer_id, serving=serving_id)
    if rows.update(state=Answer.State.FAILED, problem=problem.as_json()):
        tell_end(answer_id)


@transaction.atomic
def cancel(answer_ids: set[int]) -> None:
    """Those that wait are over at once; of the others the process keeps what it has written."""
    rows = Answer.objects.filter(pk__in=answer_ids)
    waiting = rows.filter(state=Answer.State.QUEUED).select_for_update()
    for answer in list(waiting):
        ended = {"state": Answer.State.DONE, "ended_by": Answer.EndedBy.CANCELLED}
        Answer.objects.filter(pk=answer.pk).update(**ended)
        tell_end(answer.pk)
    for answer in rows.filter(state=Answer.State.WRITING):
        if answer.serving_id:
            publish(serving_topic(answer.serving_id), {"type": "cancel", "answer": answer.pk})


def tell_end(answer_id: int) -> None:
    """With all that was written: a page that missed some of it on the way has it now."""
    publish(answer_topic(answer_id), end_news(Answer.objects.get(pk=answer_id)))


def end_news(answer: Answer) -> dict[str, Any]:
    return {
        "type": "end",
        "answer": answer.pk,
        "text": answer.text,
        "tokens": answer.tokens,
        "ended_by": answer.ended_by,
        "figures": answer.figures,
        "problem": answer.problem,
    }


def _writing(serving_id: int) -> QuerySet[Answer]:
    return Answer.objects.filter(serving=serving_id, state=Answer.State.WRITING)


def tend() -> None:
    """What a dead machine or a page that is gone left behind."""
    for serving in Serving.objects.silent():
        end(serving)
    old = Answer.objects.filter(asked_at__lt=Now() - FORGOTTEN_AFTER)
    cancel(set(old.filter(state=Answer.State.QUEUED).values_list("pk", flat=True)))
    Answer.objects.filter(turn=None, asked_at__lt=Now() - KEEP_SCRIPTED).delete()
    unwanted = Serving.objects.filter(state=State.WAITING, asked_at__lt=Now() - FORGOTTEN_AFTER)
    for serving in unwanted.filter(~Exists(_open_answers())):
        end(serving)
