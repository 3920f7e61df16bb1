"""Every URL and socket × who asks × method, walked from the URL table of the running code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from io import BytesIO
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from llmhub.accounts import links, tokens
from llmhub.accounts.models import Project, Role, Scope, User
from llmhub.checklists import evidence
from llmhub.checklists.models import LaunchRule, TemplateChange
from llmhub.dashboard.models import Change, RunNote, SavedView
from llmhub.datasets.models import Import, Mix, MixVersion, Report
from llmhub.jobs import lifecycle
from llmhub.registry import playground, reviewing
from llmhub.registry.models import Mode, Serving
from llmhub.runs import files
from llmhub.runs.models import Checkpoint, Pipeline
from llmhub.runs.states import State
from llmhub.urls import websocket_urlpatterns
from tests.access_table import PROCESS_SOCKETS, SOCKETS, URLS, Door, Never, Rule
from tests.factories import (
    join,
    make_attempt,
    make_checklist,
    make_dataset_version,
    make_evaluation,
    make_evaluation_task,
    make_export,
    make_external_run,
    make_hypothesis,
    make_item,
    make_model_version,
    make_project,
    make_recipe_version,
    make_resource,
    make_run,
    make_signature,
    make_template,
    make_user,
    make_waiver,
)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# In every name of project Atlas, and nowhere else: whoever may not see it must not read it.
MARK = "Zanzibar"
OUR_APPS = {
    "accounts", "dashboard", "jobs", "recipes", "datasets", "runs", "metrics", "registry",
    "checklists", "research",
}  # fmt: skip


class Answer(Enum):
    OPEN = "let in"
    SIGN_IN = "sent to sign in"
    UNKNOWN = 401
    FORBIDDEN = 403
    ABSENT = 404
    NO_METHOD = 405
    BROKEN = 500


class Who(Enum):
    ANONYMOUS = "anonymous"
    ELSEWHERE = "admin of another project"
    VIEWER = "viewer"
    ADMIN = "admin"
    EXPIRED = "expired token"
    WRONG_SCOPE = "token without the scope"
    TOKEN_ELSEWHERE = "token of another project"
    TOKEN_OF_VIEWER = "token of a viewer"
    TOKEN = "good token"
    ATTEMPT = "token of the attempt"
    OTHER_ATTEMPT = "token of another attempt"


# Who may most at a door: what is no method for them is none for others.
MIGHTIEST = {
    Door.NOBODY: Who.ADMIN,
    Door.PUBLIC: Who.ADMIN,
    Door.SESSION: Who.ADMIN,
    Door.API: Who.TOKEN,
    Door.ATTEMPT: Who.ATTEMPT,
}
KNOWN_AT: dict[Door, set[Who]] = {
    Door.PUBLIC: set(Who),
    Door.SESSION: {Who.ELSEWHERE, Who.VIEWER, Who.ADMIN},
    Door.API: {Who.WRONG_SCOPE, Who.TOKEN_ELSEWHERE, Who.TOKEN_OF_VIEWER, Who.TOKEN},
    Door.ATTEMPT: {Who.ATTEMPT},
}
TURNED_AWAY = {
    Door.SESSION: Answer.SIGN_IN,
    Door.API: Answer.UNKNOWN,
    Door.ATTEMPT: Answer.UNKNOWN,
}

# What belongs to no project: everybody who is signed in finds it.
EVERYBODYS = {"open invite", "term", "track"}


def expected(rule: Rule, who: Who, method: str) -> set[Answer]:
    """What the rule says; where two answers are right, the order of two checks decides."""
    if rule.door == Door.NOBODY:
        return {Answer.ABSENT}
    need = rule.needs.get(method)
    if who not in KNOWN_AT[rule.door]:
        return {TURNED_AWAY[rule.door]} | ({Answer.NO_METHOD} if need is None else set())
    if need is None:
        return {Answer.NO_METHOD}
    if rule.door == Door.PUBLIC:
        return {Answer.OPEN, Answer.SIGN_IN}
    if rule.of == "own token" and who != Who.ADMIN:
        return {Answer.ABSENT}
    if who in {Who.ELSEWHERE, Who.TOKEN_ELSEWHERE}:
        return from_elsewhere(rule)
    return {Answer.OPEN if may(who, need) else Answer.FORBIDDEN}


def from_elsewhere(rule: Rule) -> set[Answer]:
    if rule.of in EVERYBODYS:
        return {Answer.OPEN}
    if rule.of:
        return {Answer.ABSENT}
    # Their own project's page; what they asked for of ours is refused or overlooked.
    return {Answer.OPEN} if rule.door == Door.API else {Answer.OPEN, Answer.ABSENT}


def may(who: Who, need: Role | Scope | Never) -> bool:
    if isinstance(need, Never):
        return False
    if who in {Who.VIEWER, Who.TOKEN_OF_VIEWER}:
        return Role.VIEWER.includes(role_for(need))
    return who != Who.WRONG_SCOPE


def role_for(need: Role | Scope) -> Role:
    return tokens.NEEDED_ROLE[need] if isinstance(need, Scope) else need


def classify(response: HttpResponse) -> Answer:
    if response.status_code >= 500:
        return Answer.BROKEN
    if response.status_code == 302 and response["Location"].startswith("/account/login/"):
        return Answer.SIGN_IN
    if response.status_code in {401, 403, 404, 405}:
        return Answer(response.status_code)
    return Answer.OPEN


@dataclass
class World:
    """Project Atlas with one of everything, seen by its people and by Charlie from elsewhere."""

    atlas: Project
    alice: User
    viewer: User
    charlie: User
    elsewhere: Project
    in_url: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[Who, str] = field(default_factory=dict)
    external_secret: str = ""
    sessions: dict[Who, str] = field(default_factory=dict)
    # Every row of the hub, before anybody asks for anything.
    before: dict[str, list[Any]] = field(default_factory=dict)


def make_world() -> World:
    atlas, elsewhere = make_project("atlas", name=f"{MARK} project"), make_project("elsewhere")
    alice, viewer, charlie = (
        make_user(f"{name}@example.com") for name in ("alice", "vera", "charlie")
    )
    User.objects.filter(pk=alice.pk).update(name=f"{MARK} Alice")
    place = join(alice, atlas, Role.ADMIN)
    join(viewer, atlas, Role.VIEWER)
    join(charlie, elsewhere, Role.ADMIN)
    world = World(atlas, alice, viewer, charlie, elsewhere)
    make_objects(world, place.pk)
    make_credentials(world)
    world.before = state()
    return world


def make_objects(world: World, membership_id: int) -> None:
    dataset = make_dataset_version(world.atlas, slug="their-text")
    dataset.dataset.name = f"{MARK} text"
    dataset.dataset.save()
    recipe = make_recipe_version(project=world.atlas, slug="their-recipe")
    recipe.recipe.title = {"en": f"{MARK} recipe"}
    recipe.recipe.save()
    run = make_run(
        world.atlas, name=f"{MARK} run", dataset_version=dataset, recipe_version=recipe,
        created_by=world.alice,
    )  # fmt: skip
    waiting = make_run(
        world.atlas, State.AWAITING_SIGN_OFF, name=f"{MARK} plan", created_by=world.alice
    )
    attempt, world.secrets[Who.ATTEMPT] = make_attempt(run)
    checkpoint = Checkpoint.objects.create(
        run=run, attempt=attempt, step=1, path="/c/1", bytes=1, manifest_sha256="ab" * 32
    )
    hypothesis = make_hypothesis(world.atlas, f"{MARK} hypothesis", baselines=[run])
    note = RunNote.objects.create(run=run, step=1, text=f"{MARK} note", by=world.alice)
    pipeline = Pipeline.objects.create(project=world.atlas, name=f"{MARK} pipeline", scale="smoke")
    make_run(world.atlas, name=f"{MARK} stage", pipeline=pipeline, stage=0)
    _, world.secrets[Who.OTHER_ATTEMPT] = make_attempt(make_run(world.elsewhere))
    week = timedelta(days=7)
    invite, invite_secret = links.invite(world.atlas, world.alice, Role.VIEWER, life=week)
    logged = make_external_run(world.atlas, name=f"{MARK} script")
    external_attempt, world.external_secret = make_attempt(logged)
    kept = files.receive(external_attempt, f"{MARK}.txt", BytesIO(b"x").read)
    own_token, _ = tokens.create(world.alice, world.atlas, f"{MARK} token", [Scope.READ])
    job = lifecycle.start("dataset.report", world.atlas, world.alice, {"version": dataset.pk})
    Report.objects.create(version=dataset, job=job)
    begun = Import.objects.create(
        project=world.atlas,
        facts={"name": f"{MARK} import"},
        files=[{"name": f"{MARK}.txt", "bytes": 4, "received": 0}],
        job=job,
    )
    task = make_evaluation_task(world.atlas, name=f"{MARK} task")
    version = make_model_version(run)
    old, new = (make_evaluation(version, task) for _ in range(2))
    facts = {"name": f"{MARK} review", "question": f"{MARK}?"}
    review = reviewing.open_review(world.alice, facts, new, None, [world.alice], 2)
    mix = Mix.objects.create(project=world.atlas, slug="their-mix", name=f"{MARK} mix")
    MixVersion.objects.create(mix=mix, number=1, sha256="")
    change = Change.objects.create(
        project=world.atlas, person=world.alice, undo="archive", ids=[run.pk]
    )
    version = make_model_version(run)
    talk = playground.begin(world.atlas, world.alice, [version], Mode.CHAT, "", f"{MARK}?")
    turn = playground.ask(talk, world.alice, f"{MARK}?", {})
    scripted = playground.complete(version, world.alice, {"prompt": f"{MARK}?"}, {})
    serving = Serving.objects.create(version=version)
    view = SavedView.objects.create(project=world.atlas, name=f"{MARK} view")
    resource = make_resource(world.atlas, title=f"{MARK} manual")
    deleted_resource = make_resource(world.atlas, deleted_at=timezone.now())
    version = make_model_version(run, step=1)
    version.model.name, version.model.slug = f"{MARK} model", "their-model"
    version.model.save()
    export = make_export(version, {f"{MARK}.txt": MARK.encode()})
    item = make_item(title={"en": f"{MARK} item"})
    held = make_run(world.atlas, State.AWAITING_SIGN_OFF, name=f"{MARK} held")
    checklist = make_checklist(item, make_item("second"), run=held)
    signature = make_signature(checklist, "benchmarks", world.alice, note=MARK)
    waiver = make_waiver(checklist, "second", world.alice, reason=MARK)
    upload = SimpleUploadedFile(f"{MARK}.txt", MARK.encode())
    shown = evidence.attach(checklist, "benchmarks", world.alice, file=upload)
    in_checklist = {"checklist_id": checklist.pk}
    template = make_template(
        make_item("one", title={"en": f"{MARK} item"}), project=world.atlas, slug="their-template"
    ).template
    proposal = TemplateChange.objects.create(
        project=world.atlas, template=template, content=template.latest().content,
        guards="", proposed_by=world.alice,
    )  # fmt: skip
    LaunchRule.objects.create(
        project=world.atlas, proposal={"parameters": 7, "gpu_hours": None}, proposed_by=world.alice
    )
    in_version = {"model_id": version.model_id, "number": 1}
    in_slug = {"slug": "their-model", "number": 1}
    in_export = {"export_id": export.pk}
    in_file = in_export | {"name": f"{MARK}.txt"}
    world.in_url = {
        "": {},
        "model": {"model_id": version.model_id},
        "model version": in_version,
        "model slug": {"slug": "their-model"},
        "model slug version": in_slug,
        "import": {"import_id": begun.pk},
        "import file": {"import_id": begun.pk, "position": 0},
        "dataset version": {"slug": "their-text", "number": 1},
        "job": {"job_id": job.pk},
        "mix": {"slug": "their-mix"},
        "template": {"slug": "their-template"},
        "template change": {"change_id": proposal.pk},
        "task": {"task_id": task.pk},
        "evaluation": {"evaluation_id": new.pk},
        "review": {"review_id": review.pk},
        "reviewable": {"first": new.pk},
        "evaluations": {"old": old.pk, "new": new.pk},
        "checklist": in_checklist,
        "checklist act": in_checklist | {"name": "comment"},
        "signature": in_checklist | {"signature_id": signature.pk},
        "waiver": in_checklist | {"waiver_id": waiver.pk},
        "evidence": in_checklist | {"evidence_id": shown.pk},
        "export": in_version | in_export,
        "export file": in_version | in_file,
        "slug export": in_slug | in_export,
        "slug export file": in_slug | in_file,
        "run": {"run_id": run.pk},
        "waiting run": {"run_id": waiting.pk},
        "change": {"change_id": change.pk},
        "view": {"view_id": view.pk},
        "step note": {"run_id": run.pk, "note_id": note.pk},
        "checkpoint": {"run_id": run.pk, "checkpoint_id": checkpoint.pk},
        "pipeline": {"pipeline_id": pipeline.pk},
        "model version row": {"version_id": version.pk},
        "conversation": {"conversation_id": talk.pk},
        "turn": {"turn_id": turn.pk},
        "answer": {"answer_id": scripted.pk},
        "hypothesis": {"hypothesis_id": hypothesis.pk},
        "linked run": {"hypothesis_id": hypothesis.pk, "run_id": run.pk},
        "serving": {"serving_id": serving.pk},
        "attempt": {"attempt_id": attempt.pk},
        "external attempt": {"attempt_id": external_attempt.pk},
        "external file": {"attempt_id": external_attempt.pk, "name": "notes.txt"},
        "run file": {"run_id": logged.pk, "file_id": kept.pk},
        "recipe": {"slug": "their-recipe"},
        "dataset": {"slug": "their-text"},
        "project": {"slug": "atlas"},
        "term": {"slug": "perplexity"},
        "resource": {"resource_id": resource.pk},
        "deleted resource": {"resource_id": deleted_resource.pk},
        "track": {"slug": "efficiency"},
        "membership": {"membership_id": membership_id},
        "invite row": {"invite_id": invite.pk},
        "invite": {"secret": invite_secret},
        "open invite": {"secret": invite_secret},
        "link": {"secret": links.make_sign_in_link(world.alice)},
        "own token": {"token_id": own_token.pk},
    }


def make_credentials(world: World) -> None:
    both = list(Scope)
    past = timezone.now() - timedelta(seconds=1)
    for who, owner, project, expires_at in (
        (Who.TOKEN, world.alice, world.atlas, None),
        (Who.EXPIRED, world.alice, world.atlas, past),
        (Who.TOKEN_OF_VIEWER, world.viewer, world.atlas, None),
        (Who.TOKEN_ELSEWHERE, world.charlie, world.elsewhere, None),
    ):
        _, world.secrets[who] = tokens.create(owner, project, who.value, both, expires_at)
    for who, user in (
        (Who.ADMIN, world.alice),
        (Who.VIEWER, world.viewer),
        (Who.ELSEWHERE, world.charlie),
    ):
        client = Client()
        client.force_login(user)
        world.sessions[who] = client.cookies[settings.SESSION_COOKIE_NAME].value


def ask(world: World, route: str, rule: Rule, who: Who, method: str) -> HttpResponse:
    client = Client(raise_request_exception=False)
    if who in world.sessions:
        client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[who]
    secret = secret_of(world, rule, who, method)
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    data: Any = (rule.data or {}) if method == "POST" else None
    is_json = rule.door in {Door.API, Door.ATTEMPT}
    extra = {"content_type": "application/json"} if is_json or method not in {"GET", "POST"} else {}
    send = getattr(client, method.lower())
    return send(address(world, route, rule), data, headers=headers, **extra)


def secret_of(world: World, rule: Rule, who: Who, method: str) -> str:
    if who == Who.ATTEMPT and rule.of in {"external attempt", "external file"}:
        return world.external_secret
    if who != Who.WRONG_SCOPE:
        return world.secrets.get(who, "")
    others = [scope for scope in Scope if scope != rule.needs.get(method)]
    return tokens.create(world.alice, world.atlas, "too little", others)[1]


def address(world: World, route: str, rule: Rule) -> str:
    path = route
    values = world.in_url[rule.of]
    for name, value in values.items():
        for converter in ("int", "str", "slug", "path"):
            path = path.replace(f"<{converter}:{name}>", str(value))
    run_id = world.in_url["run"]["run_id"]
    asked = f"project=atlas&runs={run_id}&from={run_id}&recipe=their-recipe"
    # Of two objects that are named behind the question mark.
    asked += "".join(
        f"&{name}={value}" for name, value in values.items() if f":{name}>" not in route
    )
    return f"/{path}?{asked}"


def state() -> dict[str, list[Any]]:
    models = [model for model in apps.get_models() if model._meta.app_label in OUR_APPS]
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values()) for model in models
    }


@contextmanager
def taken_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def routes(patterns: list[Any] | None = None, prefix: str = "") -> Iterator[str]:
    """Every route of the URL table, whoever declared it."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def test_every_url_and_socket_is_in_the_table():
    assert set(routes()) == set(URLS)
    sockets = {str(pattern.pattern) for pattern in websocket_urlpatterns}
    assert sockets == set(SOCKETS) | PROCESS_SOCKETS


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(set(routes()) & set(URLS)))
def test_everybody_gets_the_answer_of_the_table(world, route):
    cache.clear()
    rule, wrong = URLS[route], []
    for who in Who:
        for method in METHODS:
            if method not in rule.needs and who not in {Who.ANONYMOUS, MIGHTIEST[rule.door]}:
                continue
            allowed = expected(rule, who, method)
            with taken_back():
                written = writes()
                response = ask(world, route, rule, who, method)
                got = classify(response)
                case = f"{method} by {who.value}: {got.name}"
                if got not in allowed:
                    wrong.append(f"{case}, not {' or '.join(answer.name for answer in allowed)}")
                is_refused = method == "POST" and got != Answer.OPEN
                if is_refused and writes() != written and changed(world.before):
                    wrong.append(f"{case}, and yet it changed {changed(world.before)}")
                if may_not_read(who, rule) and MARK.encode() in response.getvalue():
                    wrong.append(f"{case}, and it told of another project")
    assert not wrong, "\n".join(wrong)


def writes() -> int:
    """Rows that this transaction has written so far, whatever became of them: one query, where
    reading all rows takes sixty."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables"
        )
        return int(cursor.fetchone()[0] or 0)


def changed(before: dict[str, list[Any]]) -> list[str]:
    # The token that `secret_of` makes for the request itself is not a change.
    after = state()
    return [label for label in before if before[label] != after[label] and "ApiToken" not in label]


def may_not_read(who: Who, rule: Rule) -> bool:
    """Whoever is not in Atlas, at pages that do not stand open to all who have a link."""
    outside = {Who.ANONYMOUS, Who.ELSEWHERE, Who.EXPIRED, Who.TOKEN_ELSEWHERE, Who.OTHER_ATTEMPT}
    return who in outside and rule.of not in {"invite", "open invite", "link"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "route",
    sorted(
        route
        for route in set(routes()) & set(URLS)
        if "POST" in URLS[route].needs and URLS[route].door in {Door.PUBLIC, Door.SESSION}
    ),
)
def test_a_form_of_another_site_is_refused(world, route):
    rule = URLS[route]
    client = Client(enforce_csrf_checks=True)
    client.cookies[settings.SESSION_COOKIE_NAME] = world.sessions[Who.ADMIN]
    written = writes()
    assert client.post(address(world, route, rule), rule.data).status_code == 403
    assert writes() == written
