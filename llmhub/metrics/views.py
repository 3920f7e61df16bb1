"""HTTP of metrics: machines post points and log pieces, pages read curves and logs."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated

import msgspec
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.middleware import enter
from llmhub.accounts.requests import HubRequest
from llmhub.lib.batches import MAX_BYTES
from llmhub.lib.texts import whole
from llmhub.metrics import body, ingest, log_search, logs, query, rate, samples, window_answer
from llmhub.metrics.models import Sample
from llmhub.metrics.wire import BadPoints, TooLarge
from llmhub.runs import external
from llmhub.runs.inputs import WRITES
from llmhub.runs.live import run_topic
from llmhub.runs.machine_api import authenticate, stale, unauthorized
from llmhub.runs.models import Attempt, Run

# Of pieces of the log and of samples; points have their own bounds.
MAX_BODY_BYTES = 4 * 1024 * 1024
# Larger than any step, offset or revision, and small enough for PostgreSQL.
MAX_NUMBER = 2**62

Whole = Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)]


class LogBody(msgspec.Struct, forbid_unknown_fields=True):
    offset: Whole
    text: Annotated[str, msgspec.Meta(max_length=logs.MAX_CHUNK_BYTES)]


class SampleBody(msgspec.Struct, forbid_unknown_fields=True):
    step: Whole
    index: Annotated[int, msgspec.Meta(ge=0, lt=1_000)]
    prompt: str
    text: str
    decoding: Annotated[str, msgspec.Meta(max_length=20, pattern="^[a-z_]*$")]


class SamplesBody(msgspec.Struct, forbid_unknown_fields=True):
    samples: Annotated[list[SampleBody], msgspec.Meta(max_length=200)]


def _error(message: str, status: int, field: str = "") -> JsonResponse:
    return JsonResponse({"error": message, "field": field}, status=status)


def _json(answer: object) -> HttpResponse:
    """Long curves take a third of the time that Django's JsonResponse needs."""
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


@csrf_exempt
@require_POST
def add_points(request: HttpRequest, run_id: int) -> JsonResponse:
    attempt = authenticate(request)
    if attempt is None or attempt.run_id != run_id:
        return unauthorized()
    external.hear(attempt)
    return _taken(request, partial(_add_points, attempt, request), MAX_BYTES)


@csrf_exempt
@require_POST
def add_log(request: HttpRequest, attempt_id: int) -> JsonResponse:
    attempt = authenticate(request)
    if attempt is None or attempt.pk != attempt_id:
        return unauthorized()
    external.hear(attempt)
    return _taken(request, partial(_add_log, attempt))


@csrf_exempt
@require_POST
def add_samples(request: HttpRequest, attempt_id: int) -> JsonResponse:
    attempt = authenticate(request)
    if attempt is None or attempt.pk != attempt_id:
        return unauthorized()
    external.hear(attempt)
    return _taken(request, partial(_add_samples, attempt))


def _taken(
    request: HttpRequest,
    take: Callable[[bytes], JsonResponse],
    most: int = MAX_BODY_BYTES,
) -> JsonResponse:
    """The answer of `take` to the request's body, or what is wrong with it."""
    raw = request.read(most + 1)
    if len(raw) > most:
        return _error(f"body: more than {most} bytes", 413, "body")
    try:
        return take(raw)
    except ingest.Stale:
        return stale()
    except TooLarge as error:
        return _error(str(error), 413, error.field)
    except BadPoints as error:
        return _error(str(error), 422, error.field)
    except body.Malformed as error:
        return _error(str(error), 400, error.field)
    except (ValueError, RecursionError) as error:
        # Malformed JSON, or a field of another type.
        return _error(str(error), 400)


def _add_points(attempt: Attempt, request: HttpRequest, raw: bytes) -> JsonResponse:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    number, points = body.read(raw, request.content_type or "", encoding)
    if wait := rate.wait_seconds(attempt.pk, len(points) * len(points.series)):
        answer = _error("too many points a second", 429)
        answer["Retry-After"] = str(wait)
        return answer
    accepted = ingest.add(attempt, number, points)
    external.advance(attempt, int(points.steps.max()))
    return JsonResponse({"rev": accepted.rev})


def _add_log(attempt: Attempt, raw: bytes) -> JsonResponse:
    # Unlike msgspec, json lets through what a text may hold and UTF-8 may not.
    piece = msgspec.convert(json.loads(raw), type=LogBody)
    ingest.require_open(attempt)
    end = logs.append(attempt, piece.offset, piece.text)
    return JsonResponse({"end": end})


def _add_samples(attempt: Attempt, raw: bytes) -> JsonResponse:
    found = msgspec.convert(json.loads(raw), type=SamplesBody)
    told = [Sample(**msgspec.structs.asdict(one)) for one in found.samples]
    return JsonResponse({}) if samples.record(attempt, told) else stale()


@require_safe
@login_required
@never_cache
def run_points(request: HubRequest, run_id: int) -> HttpResponse:
    run = access.get(request.user, Run.objects.all(), pk=run_id)
    try:
        since, epoch = _whole(request, "since"), _whole(request, "epoch")
        names = query.names_in(request.GET.get("names", ""))
    except query.BadQuery as error:
        return _error(str(error), 400)
    return _json(query.points(run, since, epoch, names))


@require_safe
@login_required
@never_cache
def window(request: HubRequest) -> HttpResponse:
    """One metric of many runs between two steps, as a plot shows it."""
    try:
        asked = window_answer.asked(request.GET.dict())
    except query.BadQuery as error:
        return _error(str(error), 400, str(error).partition(":")[0])
    if Run.objects.visible_to(request.user).filter(pk__in=asked.runs).count() < len(asked.runs):
        raise Http404
    return window_answer.respond(request, asked)


@require_safe
@login_required
@never_cache
def run_log(request: HubRequest, run_id: int) -> HttpResponse:
    run = access.get(request.user, Run.objects.all(), pk=run_id)
    try:
        names = ("attempt", "before", "after", "around")
        window = logs.window(run, *(_whole(request, name) for name in names))
    except query.BadQuery as error:
        return _error(str(error), 400)
    return _json(window)


@require_safe
@login_required
@never_cache
def search_log(request: HubRequest, run_id: int) -> HttpResponse:
    run = access.get(request.user, Run.objects.all(), pk=run_id)
    try:
        number, before = (_whole(request, name) for name in ("attempt", "before"))
    except query.BadQuery as error:
        return _error(str(error), 400)
    return _json(log_search.search(run, request.GET.get("q", ""), number, before))


@require_safe
@login_required
@never_cache
def run_samples(request: HubRequest, run_id: int) -> HttpResponse:
    """A part of the run's page, or a page of its own."""
    run = access.get(request.user, Run.objects.all(), pk=run_id)
    index, up_to = (whole(request.GET.get(name, "")) for name in ("prompt", "step"))
    shown = samples.shown(run, index, up_to)
    context = {
        "run": run,
        "shown": shown,
        "topic": run_topic(run.pk),
        "writes": run.objective in WRITES or run.is_external,
    }
    if request.htmx:
        return render(request, "runs/_samples.html", context)
    enter(request, run.project_id)
    return render(request, "runs/samples.html", context)


def _whole(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    number = whole(text)
    if number is None:
        raise query.BadQuery(f"{name}: a whole number")
    return number
