"""Who may do what at every URL and socket of the hub, one line each.

The key is the route as the URL table has it. A right names the role or the scope that a method
needs; a method that is not named is not there (405). `of` names the object in the URL: a person
of another project must find nothing (404).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from llmhub.accounts.models import Role, Scope

VIEWER, MEMBER, APPROVER, ADMIN = Role.VIEWER, Role.MEMBER, Role.APPROVER, Role.ADMIN
READ, LAUNCH, DATASETS = Scope.READ, Scope.LAUNCH, Scope.DATASETS
MODELS, PROMOTE = Scope.MODELS, Scope.PROMOTE


class Never(Enum):
    """A right that nobody has: the address says why."""

    NEVER = "never"


NEVER = Never.NEVER


class Door(Enum):
    """What lets one in at all."""

    NOBODY = "not even an admin's session: there is nothing"
    PUBLIC = "nothing"
    SESSION = "a signed-in person"
    API = "an API token"
    ATTEMPT = "the token of the attempt in the URL"


@dataclass(frozen=True)
class Rule:
    door: Door
    needs: dict[str, Role | Scope | Never]
    of: str = ""
    # What a POST carries, so that a refusal refuses something that would have worked.
    data: dict[str, Any] | None = None


def reading(need: Role | Scope) -> dict[str, Role | Scope]:
    return {"GET": need, "HEAD": need}


def page(of: str = "") -> Rule:
    return Rule(Door.SESSION, reading(VIEWER), of)


def action(role: Role, of: str = "", data: dict[str, Any] | None = None) -> Rule:
    return Rule(Door.SESSION, {"POST": role}, of, data)


def form(
    role: Role = VIEWER, of: str = "", see: Role = VIEWER, data: dict[str, Any] | None = None
) -> Rule:
    return Rule(Door.SESSION, reading(see) | {"POST": role}, of, data)


def public(*methods: str, of: str = "", data: dict[str, Any] | None = None) -> Rule:
    return Rule(Door.PUBLIC, dict.fromkeys(methods, VIEWER), of, data)


def api(of: str = "", **needs: Scope) -> Rule:
    return Rule(Door.API, dict(needs), of)


def attempt(data: dict[str, Any], of: str = "attempt") -> Rule:
    return Rule(Door.ATTEMPT, {"POST": VIEWER}, of, data)


NOTHING = Rule(Door.NOBODY, {})

URLS: dict[str, Rule] = {
    # dashboard
    "": page(),
    "runs/": page(),
    "runs/names/": page(),
    "runs/change/": action(MEMBER, data={"verb": "archive", "all": "on", "filter": ""}),
    "runs/trash/": page(),
    "runs/views/new/": action(VIEWER, data={"name": "Mallory's"}),
    "runs/views/<int:view_id>/change/": action(MEMBER, of="view", data={"name": "Other"}),
    "runs/views/<int:view_id>/delete/": action(MEMBER, of="view"),
    "runs/views/<int:view_id>/restore/": action(MEMBER, of="view"),
    "changes/<int:change_id>/undo/": action(MEMBER, of="change"),
    "compare/": page(),
    "compare/marks/": page(),
    "compare/figures/": page(),
    "compare/points.csv": page(),
    "compare/points.parquet": page(),
    "runs/<int:run_id>/step-notes/": action(MEMBER, of="run", data={"step": 1, "text": "x"}),
    "runs/<int:run_id>/step-notes/<int:note_id>/": action(
        MEMBER, of="step note", data={"text": "x"}
    ),
    "runs/<int:run_id>/step-notes/<int:note_id>/remove/": action(MEMBER, of="step note"),
    # search
    "search/": page(),
    "search/palette/": page(),
    # accounts
    "welcome/<str:secret>/": public("GET", "HEAD", "POST", of="link"),
    "invite/<str:secret>/": public("GET", "HEAD", "POST", of="invite"),
    "invite/<str:secret>/join/": action(VIEWER, of="open invite"),
    "profile/": form(data={"name": "Mallory", "email": "mallory@example.com"}),
    "people/": form(ADMIN, data={"role": "admin", "days": "7"}),
    "people/<int:membership_id>/role/": action(ADMIN, of="membership", data={"role": "viewer"}),
    "people/<int:membership_id>/remove/": action(ADMIN, of="membership"),
    "people/invites/<int:invite_id>/revoke/": action(ADMIN, of="invite row"),
    "audit/": Rule(Door.SESSION, reading(APPROVER)),
    "projects/new/": form(data={"name": "Mallory's"}),
    "projects/<slug:slug>/switch/": action(VIEWER, of="project"),
    "tokens/": form(data={"name": "laptop", "scopes": ["read"], "days": "30"}),
    "tokens/<int:token_id>/revoke/": action(VIEWER, of="own token"),
    "account/login/": public(
        "GET", "HEAD", "POST", data={"login": "x@example.com", "password": "x"}
    ),
    "account/logout/": public("GET", "HEAD", "POST"),
    "account/inactive/": public("GET", "HEAD"),
    "account/password/change/": form(),
    "account/password/set/": form(),
    "i18n/setlang/": public("POST", data={"language": "fr"}),
    "jsi18n/": public("GET", "HEAD"),
    # reference
    "reference/": page(),
    "reference/glossary/": page(),
    "reference/glossary/<slug:slug>/": page(of="term"),
    "reference/glossary/<slug:slug>/short/": page(of="term"),
    "reference/resources/": page(),
    "reference/resources/new/": form(
        MEMBER,
        see=MEMBER,
        data={"title": "x", "url": "https://example.com", "purpose": "tools"},
    ),
    "reference/resources/<int:resource_id>/edit/": form(MEMBER, of="resource", see=MEMBER),
    "reference/resources/<int:resource_id>/delete/": action(MEMBER, of="resource"),
    "reference/resources/<int:resource_id>/restore/": action(MEMBER, of="deleted resource"),
    "reference/demos/schedules/": page(),
    "reference/demos/losses/": page(),
    # recipes and datasets
    "recipes/": page(),
    "recipes/<str:slug>/": page(of="recipe"),
    "recipes/<str:slug>/edit/": form(MEMBER, of="recipe", see=MEMBER),
    "recipes/<str:slug>/copy/": action(MEMBER, of="recipe"),
    "recipes/<str:slug>/diff/": action(VIEWER, of="recipe"),
    "datasets/": page(),
    "datasets/new/": form(MEMBER, see=MEMBER),
    "datasets/imports/<int:import_id>/": Rule(Door.SESSION, reading(MEMBER), "import"),
    "datasets/imports/<int:import_id>/files/<int:position>/": Rule(
        Door.SESSION, {"PUT": MEMBER}, "import file"
    ),
    "datasets/imports/<int:import_id>/go/": action(MEMBER, of="import"),
    "datasets/imports/<int:import_id>/look/": action(MEMBER, of="import"),
    "datasets/imports/<int:import_id>/register/": form(MEMBER, of="import", see=MEMBER),
    "datasets/imports/<int:import_id>/again/": action(MEMBER, of="import"),
    "datasets/imports/<int:import_id>/cancel/": action(MEMBER, of="import"),
    "datasets/imports/<int:import_id>/discard/": action(MEMBER, of="import"),
    "datasets/<slug:slug>/": page(of="dataset"),
    "datasets/<slug:slug>/edit/": form(MEMBER, of="dataset", see=MEMBER, data={"name": "Mine"}),
    "datasets/<slug:slug>/v<int:number>/": page(of="dataset version"),
    "datasets/<slug:slug>/v<int:number>/report/": action(
        MEMBER, of="dataset version", data={"validation_share": 0.1, "context_length": 64}
    ),
    "datasets/<slug:slug>/v<int:number>/tokenize/": action(
        MEMBER,
        of="dataset version",
        data={"tokenizer": "bytes", "vocab_size": 256, "validation_share": 0.1},
    ),
    "datasets/<slug:slug>/v<int:number>/derive/": action(
        MEMBER, of="dataset version", data={"anonymise": "on"}
    ),
    "datasets/<slug:slug>/v<int:number>/delete/": action(MEMBER, of="dataset version"),
    "jobs/<int:job_id>/cancel/": action(MEMBER, of="job"),
    # mixes
    "mixes/": page(),
    "mixes/new/": form(MEMBER, see=MEMBER),
    "mixes/<slug:slug>/": page(of="mix"),
    "mixes/<slug:slug>/edit/": form(MEMBER, of="mix", see=MEMBER),
    "mixes/<slug:slug>/delete/": action(MEMBER, of="mix"),
    # evaluations
    "evaluations/": page(),
    "evaluations/new/": form(MEMBER, see=MEMBER),
    "evaluations/compare/": Rule(Door.SESSION, reading(VIEWER), "evaluations"),
    "evaluations/<int:evaluation_id>/": page(of="evaluation"),
    "evaluations/tasks/": page(),
    "evaluations/tasks/new/": form(MEMBER, see=MEMBER),
    "evaluations/tasks/<int:task_id>/": page(of="task"),
    "evaluations/tasks/<int:task_id>/archive/": action(MEMBER, of="task"),
    "evaluations/reviews/": page(),
    "evaluations/reviews/new/": form(MEMBER, of="reviewable", see=MEMBER),
    "evaluations/reviews/<int:review_id>/": page(of="review"),
    "evaluations/reviews/<int:review_id>/judge/": form(
        MEMBER, of="review", see=MEMBER, data={"position": 0, "said": "3"}
    ),
    "evaluations/reviews/<int:review_id>/close/": action(MEMBER, of="review"),
    # exports of models
    "models/<int:model_id>/v<int:number>/exports/": form(
        MEMBER, of="model version", data={"form": "bf16"}
    ),
    "models/<int:model_id>/v<int:number>/exports/<int:export_id>/": page("export"),
    "models/<int:model_id>/v<int:number>/exports/<int:export_id>/delete/": action(MEMBER, "export"),
    "models/<int:model_id>/v<int:number>/exports/<int:export_id>/download/": page("export"),
    "models/<int:model_id>/v<int:number>/exports/<int:export_id>/files/<path:name>": page(
        "export file"
    ),
    # runs
    "pipelines/": page(),
    "pipelines/new/": form(MEMBER, see=MEMBER),
    "pipelines/<int:pipeline_id>/": page("pipeline"),
    "pipelines/<int:pipeline_id>/stop/": action(MEMBER, "pipeline"),
    "runs/<int:run_id>/checkpoints/<int:checkpoint_id>/pin/": action(MEMBER, "checkpoint"),
    "runs/<int:run_id>/samples/": page("run"),
    "api/v1/attempts/<int:attempt_id>/samples": attempt({"samples": []}),
    "runs/new/": form(MEMBER, see=MEMBER),
    "runs/new/plan/": action(MEMBER),
    "runs/new/memory/": action(MEMBER),
    "runs/<int:run_id>/": page(of="run"),
    "runs/<int:run_id>/about/": action(MEMBER, of="run", data={"tags": "a", "notes": "b"}),
    "runs/<int:run_id>/edit/": form(MEMBER, of="waiting run", see=MEMBER),
    "runs/<int:run_id>/launch/": action(MEMBER, of="waiting run"),
    "runs/<int:run_id>/stop/": action(MEMBER, of="run"),
    "runs/<int:run_id>/pause/": action(MEMBER, of="run"),
    "runs/<int:run_id>/resume/": action(MEMBER, of="run"),
    "runs/<int:run_id>/points/": page(of="run"),
    "runs/<int:run_id>/log/": page(of="run"),
    "runs/<int:run_id>/log/search/": page(of="run"),
    "runs/<int:run_id>/files/<int:file_id>/": page("run file"),
    "metrics/window/": page(),
    "workers/": page(),
    "predictions/": page(),
    "health": public("GET", "HEAD"),
    # models
    "models/": page(),
    "models/new/": form(MEMBER, see=MEMBER),
    "models/<int:model_id>/": page("model"),
    "models/<int:model_id>/edit/": form(MEMBER, of="model", see=MEMBER, data={"name": "Mine"}),
    "models/<int:model_id>/archive/": action(MEMBER, of="model"),
    "models/<int:model_id>/roll-back/": action(
        APPROVER, of="model", data={"version": 1, "reason": "x"}
    ),
    "models/<int:model_id>/v<int:number>/": page("model version"),
    "models/<int:model_id>/v<int:number>/card.md": page("model version"),
    "models/<int:model_id>/v<int:number>/notes/": action(
        MEMBER, of="model version", data={"notes": "x"}
    ),
    "models/<int:model_id>/v<int:number>/stage/": action(
        APPROVER, of="model version", data={"stage": "production", "reason": "x"}
    ),
    "models/<int:model_id>/v<int:number>/again/": action(MEMBER, of="model version"),
    "models/<int:model_id>/v<int:number>/delete/": action(MEMBER, of="model version"),
    "runs/<int:run_id>/checkpoints/<int:checkpoint_id>/register/": action(MEMBER, "checkpoint"),
    # checklists
    "checklists/": page(),
    "checklists/waiting/": page(),
    "checklists/<int:checklist_id>/": page("checklist"),
    "checklists/<int:checklist_id>/export.json": page("checklist"),
    "checklists/<int:checklist_id>/export.pdf": page("checklist"),
    "checklists/<int:checklist_id>/check/": action(MEMBER, of="checklist"),
    "checklists/<int:checklist_id>/do/<slug:name>/": form(
        MEMBER, of="checklist act", see=MEMBER, data={"text": "x"}
    ),
    "checklists/<int:checklist_id>/signatures/<int:signature_id>/withdraw/": action(
        MEMBER, of="signature"
    ),
    "checklists/<int:checklist_id>/waivers/<int:waiver_id>/withdraw/": action(MEMBER, of="waiver"),
    "checklists/<int:checklist_id>/evidence/<int:evidence_id>/file": page("evidence"),
    "checklists/of-version/<int:version_id>/": form(MEMBER, of="model version row"),
    # templates of checklists, and when a run is big
    "checklists/templates/": page(),
    "checklists/templates/new/": form(APPROVER, see=APPROVER),
    "checklists/templates/<slug:slug>/": page("template"),
    "checklists/templates/<slug:slug>/edit/": form(ADMIN, of="template", see=ADMIN),
    "checklists/templates/changes/<int:change_id>/confirm/": action(ADMIN, "template change"),
    "checklists/templates/changes/<int:change_id>/withdraw/": action(ADMIN, "template change"),
    "checklists/rule/": form(ADMIN, data={"parameters": "5"}),
    "checklists/rule/confirm/": action(ADMIN),
    "checklists/rule/withdraw/": action(ADMIN),
    # research
    "research/": page(),
    "research/tracks/<slug:slug>/": page("track"),
    "research/hypotheses/new/": form(MEMBER, see=MEMBER, data={"statement": "x"}),
    "research/hypotheses/link/": form(MEMBER, see=MEMBER),
    "research/hypotheses/of-run/<int:run_id>/": page("run"),
    "research/hypotheses/<int:hypothesis_id>/": page("hypothesis"),
    "research/hypotheses/<int:hypothesis_id>/edit/": form(
        MEMBER, of="hypothesis", see=MEMBER, data={"statement": "x", "base": 1}
    ),
    "research/hypotheses/<int:hypothesis_id>/close/": action(
        MEMBER, of="hypothesis", data={"state": "refuted", "conclusion": "x", "base": 1}
    ),
    "research/hypotheses/<int:hypothesis_id>/reopen/": action(MEMBER, of="hypothesis"),
    "research/hypotheses/<int:hypothesis_id>/archive/": action(MEMBER, of="hypothesis"),
    "research/hypotheses/<int:hypothesis_id>/runs/<int:run_id>/": action(
        MEMBER, of="linked run", data={"part": "baseline"}
    ),
    "research/hypotheses/<int:hypothesis_id>/runs/<int:run_id>/remove/": action(
        MEMBER, of="linked run"
    ),
    "research/scaling-laws/": page(),
    "research/scaling-laws/fit/": action(MEMBER),
    # the playground
    "playground/": page(),
    "playground/<int:conversation_id>/": page("conversation"),
    "playground/<int:conversation_id>/delete/": action(MEMBER, "conversation"),
    "playground/<int:conversation_id>/keep/": action(
        MEMBER, "conversation", data={"what": "prompts"}
    ),
    "reference/demos/next-token/": form(MEMBER, data={"version": 1, "text": "Once"}),
    "playground/turns/<int:turn_id>/better/": action(MEMBER, "turn", data={"better": "left"}),
    # what machines say
    "api/v1/attempts/<int:attempt_id>/heartbeat": attempt({"state": "running", "step": 1}),
    "api/v1/attempts/<int:attempt_id>/finish": attempt({"outcome": "failed"}),
    "api/v1/attempts/<int:attempt_id>/checkpoints": attempt({"checkpoints": []}),
    "api/v1/external/<int:attempt_id>": Rule(
        Door.ATTEMPT, {"PATCH": VIEWER}, "external attempt", {"tags": ["x"]}
    ),
    "api/v1/external/<int:attempt_id>/beat": attempt({}, of="external attempt"),
    "api/v1/external/<int:attempt_id>/finish": attempt({"status": "failed"}, of="external attempt"),
    "api/v1/external/<int:attempt_id>/files/<path:name>": Rule(
        Door.ATTEMPT, {"PUT": VIEWER}, "external file"
    ),
    "api/v1/attempts/<int:attempt_id>/log": attempt({"offset": 0, "text": "x"}),
    "api/v1/runs/<int:run_id>/points": attempt(
        {"batch": 1, "steps": [1], "times": [1.0], "series": {"train/loss": [1.0]}}, of="run"
    ),
    # the public API
    "api/v1/": NOTHING,
    "api/v1/openapi.json": public("GET", "HEAD"),
    "api/v1/recipes": api(GET=READ),
    "api/v1/search": api(GET=READ),
    "api/v1/checklist-templates": api(GET=READ),
    "api/v1/datasets": api(GET=READ, POST=DATASETS),
    "api/v1/datasets/<slug:slug>/<int:number>": api("dataset version", GET=READ),
    "api/v1/datasets/<slug:slug>/<int:number>/report": api(
        "dataset version", GET=READ, POST=DATASETS
    ),
    "api/v1/imports/<int:import_id>": api("import", GET=READ),
    "api/v1/checklists/<int:checklist_id>/junit": api("checklist", POST=LAUNCH),
    "api/v1/evaluation-tasks": api(GET=READ, POST=MODELS),
    "api/v1/evaluation-reviews": api(GET=READ, POST=MODELS),
    "api/v1/evaluation-reviews/<int:review_id>/close": api("review", POST=MODELS),
    "api/v1/evaluations": api(GET=READ, POST=MODELS),
    "api/v1/evaluations/compare": api("evaluations", GET=READ),
    "api/v1/evaluations/<int:evaluation_id>": api("evaluation", GET=READ),
    "api/v1/evaluations/<int:evaluation_id>/items": api("evaluation", GET=READ),
    "api/v1/models/<slug:slug>/<int:number>/exports": Rule(
        Door.API, {"GET": READ, "POST": MODELS}, "model slug version", {"form": "bf16"}
    ),
    "api/v1/models/<slug:slug>/<int:number>/exports/<int:export_id>": api(
        "slug export", GET=READ, DELETE=MODELS
    ),
    "api/v1/models/<slug:slug>/<int:number>/exports/<int:export_id>/download": api(
        "slug export", GET=READ
    ),
    "api/v1/models/<slug:slug>/<int:number>/exports/<int:export_id>/files/<path:name>": api(
        "slug export file", GET=READ
    ),
    "api/v1/hypotheses": api(GET=READ),
    "api/v1/hypotheses/<int:hypothesis_id>": api("hypothesis", GET=READ),
    "api/v1/hypotheses/<int:hypothesis_id>/runs/<int:run_id>": api("linked run", POST=LAUNCH),
    "api/v1/runs": api(GET=READ, POST=LAUNCH),
    "api/v1/runs/external": api(POST=LAUNCH),
    "api/v1/pipelines": api(POST=LAUNCH),
    "api/v1/pipelines/<int:pipeline_id>": api("pipeline", GET=READ),
    "api/v1/pipelines/<int:pipeline_id>/stop": api("pipeline", POST=LAUNCH),
    "api/v1/runs/<int:run_id>": api("run", GET=READ),
    "api/v1/runs/<int:run_id>/stop": api("run", POST=LAUNCH),
    "api/v1/runs/<int:run_id>/launch": api("waiting run", POST=LAUNCH),
    "api/v1/checklists": api(GET=READ),
    "api/v1/checklists/<int:checklist_id>": api("checklist", GET=READ),
    "api/v1/checklists/<int:checklist_id>/export": api("checklist", GET=READ),
    # No token signs.
    "api/v1/checklists/<int:checklist_id>/sign": Rule(
        Door.API, {"POST": NEVER}, "checklist", {"keys": ["benchmarks"]}
    ),
    "api/v1/runs/<int:run_id>/continue": api("run", POST=LAUNCH),
    "api/v1/runs/<int:run_id>/metrics": api("run", GET=READ),
    "api/v1/metrics/window/": api(GET=READ),
    "api/v1/models": api(GET=READ, POST=MODELS),
    "api/v1/models/<slug:slug>": api("model slug", GET=READ),
    "api/v1/models/<slug:slug>/roll-back": Rule(
        Door.API, {"POST": PROMOTE}, "model slug", {"version": 1, "reason": "x"}
    ),
    "api/v1/models/<slug:slug>/<int:number>": api("model slug version", GET=READ),
    "api/v1/models/<slug:slug>/<int:number>/stage": Rule(
        Door.API, {"POST": PROMOTE}, "model slug version", {"stage": "production", "reason": "x"}
    ),
    "api/v1/models/<slug:slug>/<int:number>/completions": Rule(
        Door.API, {"POST": MODELS}, "model slug version", {"prompt": "a", "wait_seconds": 0}
    ),
    "api/v1/answers/<int:answer_id>": api("answer", GET=READ),
    "api/v1/answers/<int:answer_id>/stop": api("answer", POST=MODELS),
}

# Route -> the topics that a person of project Atlas may watch there, by object.
SOCKETS = {
    "ws/live/": ("run.{run}", "project.{project}", "job.{job}"),
    "ws/playground/": ("playground.{version}", "answer.{answer}"),
}
# Of processes, each with a token of its own: no person's session opens them.
PROCESS_SOCKETS = {"ws/playground/process/<int:serving_id>/"}
