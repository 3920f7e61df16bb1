"""Nothing big is queued and nothing goes to production before it is signed off."""

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from llmhub.accounts.models import AuditEntry, Membership, Role
from llmhub.checklists import begin, gates, rules, signing, standing
from llmhub.checklists.models import Checklist, ChecklistState, Guards, LaunchRule
from llmhub.registry import promotion
from llmhub.registry.models import Stage
from llmhub.runs import launch, pipelines, replanning, services
from llmhub.runs.claim import claim
from llmhub.runs.models import Prediction, Run, Worker
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.said import Refused
from llmhub.runs.states import State
from tests.checklists.behind import behind
from tests.checklists.test_standing import CODE, MACHINE, SPEED
from tests.factories import (
    PASSWORD,
    SMOKE_SPEC,
    make_attempt,
    make_check,
    make_dataset_version,
    make_item,
    make_model_version,
    make_recipe_version,
    make_run,
    make_template,
)
from tests.runs import alignment

pytestmark = pytest.mark.django_db
BIG = {"parameters": 1_000}


@pytest.fixture
def rule(atlas):
    """Every model with more than 1,000 parameters is big here: all of the tests are."""
    return LaunchRule.objects.create(project=atlas, **BIG)


@pytest.fixture
def worker(db):
    """Whatever is claimed below is claimed by it."""
    return Worker.objects.create(
        name="node-1",
        devices=[{"kind": "cpu", "name": "Xeon", "memory_bytes": 2**34}],
        versions={"python": "3.11", "torch": "2.13.0", "llmhub": "abc"},
        slots=2,
    )


@pytest.fixture
def template(atlas):
    return make_template(CODE, SPEED, project=atlas)


def asked(atlas, ada, **more):
    values = {"recipe_version": make_recipe_version(SMOKE_SPEC), "scale": "full", "overrides": {}}
    data = make_dataset_version(atlas)
    return launch.launch(user=ada, project=atlas, data=data, **(values | more))


@pytest.fixture
def planned(atlas, ada, rule, template, worker):
    return asked(atlas, ada)


def state(run):
    return Run.objects.get(pk=run.pk).state


def sign_all(run, *people):
    for row in run.checklists.all():
        for person in people:
            keys = [item.key for item in standing.of(row).items]
            signing.sign(row, keys, person, "approve", PASSWORD)


def test_a_big_run_waits_and_its_checklist_has_begun(planned, template, ada):
    assert (planned.state, planned.queued_at) == (State.AWAITING_SIGN_OFF, None)
    [row] = Checklist.objects.all()
    assert (row.run, row.template_version, row.authors) == (planned, template, [ada.pk])
    assert row.subject["recipe"]["config"] == Run.objects.get().config
    assert AuditEntry.objects.get(act="checklist.begun").about == f"checklist:{row.pk}"


def test_a_small_run_is_queued_without_one(atlas, ada, template, worker):
    run = asked(atlas, ada)
    assert (run.state, Checklist.objects.count()) == (State.QUEUED, 0)
    assert run.queued_at


def test_nothing_that_waits_is_claimed(planned, worker):
    assert claim(worker) is None


def test_a_launch_names_each_open_item(planned, ada, ben):
    signing.sign(planned.checklists.get(), ["code"], ben, "verified", PASSWORD)
    with pytest.raises(Refused) as refused:
        services.launch(planned, ada)
    [reason] = refused.value.errors["sign_off"]
    assert "Speed" in reason
    assert state(planned) == State.AWAITING_SIGN_OFF
    assert not AuditEntry.objects.filter(act="run.launched").exists()


def test_a_signed_run_is_launched_once_and_claimed(planned, ada, ben, worker):
    sign_all(planned, ben)
    assert services.launch(planned, ada) == services.Effect.LAUNCHED
    assert services.launch(planned, ada) == services.Effect.UNCHANGED
    row = planned.checklists.get()
    assert (row.state, row.is_solo) == (ChecklistState.SETTLED, False)
    assert row.settled_at
    assert [entry.act for entry in AuditEntry.objects.order_by("number")][-2:] == [
        "checklist.settled",
        "run.launched",
    ]
    attempt, _secret = claim(worker)
    assert attempt.run == planned


def test_signing_off_alone_is_marked(planned, ada):
    Membership.objects.filter(user=ada).update(role=Role.ADMIN)
    sign_all(planned, ada)
    services.launch(planned, ada)
    assert planned.checklists.get().is_solo
    assert AuditEntry.objects.get(act="checklist.settled").data["is_solo"]


def test_a_template_that_came_meanwhile_is_asked_too(planned, atlas, ada, ben):
    sign_all(planned, ben)
    make_template(SPEED, project=atlas)
    with pytest.raises(Refused, match="Speed"):
        services.launch(planned, ada)
    assert planned.checklists.count() == 2


def test_a_checklist_that_runs_keeps_its_version(planned, atlas, ada, ben, template):
    make_template(MACHINE, project=atlas, slug=template.template.slug)
    sign_all(planned, ben)
    services.launch(planned, ada)
    assert planned.checklists.get().template_version == template


def edit(run, user, **overrides):
    return replanning.edit(
        user=user, run=run, scale="full", overrides=overrides, data=run.data, name=run.name
    )


def test_an_edit_voids_just_what_depends_on_it_and_the_launch_with_it(planned, ada, ben):
    sign_all(planned, ben)
    edit(planned, ada, **{"training.learning_rate": 0.5})
    found = standing.of(planned.checklists.get())
    assert [item.key for item in found.open_items] == ["speed"]
    [change] = found.item("speed").void[0][1]
    assert change.path == "recipe.config.training.learning_rate"
    with pytest.raises(Refused, match="Speed"):
        services.launch(planned, ada)
    entry = AuditEntry.objects.get(act="run.edited")
    assert entry.data["changes"] == {"training.learning_rate": [0.002, 0.5]}


def test_who_edits_is_an_author_and_who_renames_is_none(planned, ada, ben):
    edit(planned, ben)
    assert planned.checklists.get().authors == [ada.pk]
    edit(planned, ben, **{"training.max_steps": 50})
    assert planned.checklists.get().authors == sorted([ada.pk, ben.pk])
    planned.refresh_from_db()
    assert (planned.total_steps, planned.overrides) == (50, {"training.max_steps": 50})
    assert Prediction.objects.filter(run=planned).count() == 1


def test_a_queued_run_is_not_edited(planned, ada, ben):
    sign_all(planned, ben)
    services.launch(planned, ada)
    with pytest.raises(LaunchRefused, match="launched already"):
        edit(planned, ada, **{"training.max_steps": 50})


def tamper(run):
    """As somebody would who writes into the database."""
    config = {**run.config, "training": run.config["training"] | {"seed": 7}}
    Run.objects.filter(pk=run.pk).update(config=config)
    return config


def test_an_edit_past_the_forms_is_found_at_the_launch(planned, ada, ben):
    sign_all(planned, ben)
    config = tamper(planned)
    with pytest.raises(Refused, match="Speed"):
        services.launch(planned, ada)
    assert planned.checklists.get().subject["recipe"]["config"] == config


def test_a_stopped_run_needs_no_signature_any_more(planned, ben):
    services.stop(planned)
    row = planned.checklists.get()
    assert row.state == ChecklistState.CLOSED
    with pytest.raises(Refused, match="closed"):
        signing.sign(row, ["code"], ben, "verified", PASSWORD)


# --- the first claim


def launched(run, ada, *signers):
    sign_all(run, *signers)
    services.launch(run, ada)


def test_what_changed_in_the_queue_goes_back_to_its_sign_off(planned, ada, ben, worker):
    launched(planned, ada, ben)
    Worker.objects.update(versions=worker.versions | {"llmhub": "def+"})
    assert claim(worker) is None
    run = Run.objects.get(pk=planned.pk)
    assert (run.state, run.cause) == (State.AWAITING_SIGN_OFF, "subject_changed")
    found = standing.of(run.checklists.get())
    assert [item.key for item in found.open_items] == ["code"]
    signing.sign(found.checklist, ["code"], ben, "verified", PASSWORD)
    services.launch(run, ada)
    assert claim(worker)


def test_what_nothing_depends_on_changes_nothing(planned, ada, ben, worker):
    launched(planned, ada, ben)
    Worker.objects.update(versions=worker.versions | {"torch": "2.14.0"})
    assert claim(worker)


def test_one_that_goes_back_does_not_hold_up_the_next(planned, atlas, ada, ben, worker):
    launched(planned, ada, ben)
    tamper(planned)
    LaunchRule.objects.update(parameters=None, gpu_hours=None)
    small = asked(atlas, ada)
    LaunchRule.objects.update(parameters=1_000)
    Prediction.objects.filter(run=small).update(parameters=10)
    attempt, _secret = claim(worker)
    assert attempt.run == small
    assert state(planned) == State.AWAITING_SIGN_OFF


def test_evidence_that_aged_in_the_queue_does_not_stop_it(atlas, ada, rule, worker):
    make_template(MACHINE, project=atlas)
    run = asked(atlas, ada)
    check = make_check(run.checklists.get(), "disk")
    services.launch(run, ada)
    behind(check, taken_at=timezone.now() - timedelta(days=30))
    assert claim(worker)


def test_a_later_attempt_is_not_stopped(planned, ada, ben, worker):
    launched(planned, ada, ben)
    make_attempt(planned, None, ended_at=timezone.now(), outcome="lost")
    Worker.objects.update(versions=worker.versions | {"llmhub": "def"})
    assert claim(worker)


def test_a_queued_run_that_was_never_asked_is_asked_at_its_claim(
    atlas, ada, rule, template, worker
):
    """As one that was queued before the project had a rule."""
    run = make_run(atlas, State.QUEUED, created_by=ada)
    Prediction.objects.create(run=run, model_key="x", parameters=10**10, device_name="Xeon")
    assert claim(worker) is None
    assert state(run) == State.AWAITING_SIGN_OFF
    assert run.checklists.get().is_open()


# --- which runs are big


@pytest.mark.parametrize(
    ("parameters", "hours", "expected"),
    [
        (10**9, 1.0, False),
        (10**9 + 1, 0.0, True),
        (10, 1.1, True),
        (None, 0.0, True),
        (10, None, True),
    ],
)
def test_a_run_is_big_by_its_parameters_or_its_hours(parameters, hours, expected):
    assert rules.exceeds(rules.Size(parameters, hours), LaunchRule()) is expected


def test_a_rule_may_leave_a_reason_out():
    never = LaunchRule(parameters=None, gpu_hours=None)
    assert not rules.exceeds(rules.Size(None, None), never)


@pytest.mark.parametrize(("kind", "expected"), [("cpu", 0.0), ("cuda", 4.0)])
def test_hours_are_those_of_all_gpus_and_a_processor_has_none(waiting, kind, expected):
    Worker.objects.create(
        name="n", devices=[{"kind": kind, "name": "Device", "memory_bytes": 1}], slots=2
    )
    Prediction.objects.create(
        run=waiting, model_key="x", parameters=5, processes=2, device_name="Device", seconds=7_200
    )
    assert rules.size_of(waiting) == rules.Size(5, expected)


def test_a_device_that_nobody_knows_is_no_processor(waiting):
    Prediction.objects.create(
        run=waiting, model_key="x", parameters=5, device_name="Gone", seconds=36_000
    )
    assert rules.is_big(waiting)


# --- pipelines


def test_each_stage_waits_for_itself_and_what_it_starts_from_is_named_by_its_stage(
    atlas, ada, ben, rule, template, worker
):
    stages = [
        pipelines.Stage("pretrain", make_recipe_version(SMOKE_SPEC), make_dataset_version(atlas)),
        pipelines.Stage("sft", alignment.recipe("sft"), alignment.rows(atlas, "sft")),
    ]
    pipeline = pipelines.launch(user=ada, project=atlas, name="p", scale="full", stages=stages)
    first, second = pipeline.runs.order_by("stage")
    assert (first.state, second.state) == (State.AWAITING_SIGN_OFF, State.AWAITING_SIGN_OFF)
    subject = second.checklists.get().subject
    assert subject["base_model"]["model.base_model"]["reference"] == "output of stage 0"
    assert subject["recipe"]["config"]["model"]["base_model"] == "output of stage 0"
    launched(first, ada, ben)
    assert state(second) == State.AWAITING_SIGN_OFF
    launched(second, ada, ben)
    Run.objects.filter(pk=first.pk).update(state=State.SUCCEEDED)
    assert claim(worker)[0].run == second
    pipelines.stop(pipeline)


def test_an_edited_stage_voids_what_was_signed_of_those_after_it(
    atlas, ada, ben, rule, worker, template
):
    make_template(make_item("base", depends=["base_model"]), project=atlas, slug="bases")
    stages = [
        pipelines.Stage("pretrain", make_recipe_version(SMOKE_SPEC), make_dataset_version(atlas)),
        pipelines.Stage("sft", alignment.recipe("sft"), alignment.rows(atlas, "sft")),
    ]
    pipeline = pipelines.launch(user=ada, project=atlas, name="p", scale="full", stages=stages)
    first, second = pipeline.runs.order_by("stage")
    sign_all(second, ben)
    bases = second.checklists.get(template_version__template__slug="bases")
    assert standing.of(bases).is_settled
    first.config["training"]["seed"] = 5
    first.save()
    gates.edited(first, ben)
    bases.refresh_from_db()
    assert not standing.of(bases).is_settled
    assert bases.authors == sorted([ada.pk, ben.pk])


# --- promotions


@pytest.fixture
def version(atlas, ada):
    return make_model_version(make_run(atlas, State.SUCCEEDED, created_by=ada), created_by=ada)


def promote(version, user, stage=Stage.PRODUCTION):
    return promotion.promote(version, stage, user, "Ready.")


def test_only_production_is_guarded(version, atlas, cleo):
    make_template(CODE, project=atlas, guards=Guards.PRODUCTION)
    with pytest.raises(Refused, match="Code"):
        promote(version, cleo)
    assert promote(version, cleo, Stage.RETIRED)


def test_a_version_that_was_signed_off_may_come_back(version, atlas, cleo, ben, ada):
    make_template(
        make_item("weights", depends=["weights"]), project=atlas, guards=Guards.PRODUCTION
    )
    [row] = begin.for_version(version, cleo)
    assert row.authors == [ada.pk]
    signing.sign(row, ["weights"], ben, "approve", PASSWORD)
    promote(version, cleo)
    row.refresh_from_db()
    assert row.state == ChecklistState.SETTLED
    promote(version, cleo, Stage.RETIRED)
    promote(version, cleo)
    assert Checklist.objects.count() == 1
    type(version).objects.filter(pk=version.pk).update(manifest_sha256="1" * 64)
    promote(version, cleo, Stage.RETIRED)
    with pytest.raises(Refused, match="Weights"):
        promote(version, cleo)


# --- the way in


@pytest.mark.parametrize("path", ["llmhub.checklists.standing", "llmhub.runs"])
def test_a_gate_that_cannot_be_asked_keeps_the_hub_from_starting(settings, path):
    from django.apps import apps

    settings.LAUNCH_GATE = path
    with pytest.raises(ImproperlyConfigured, match="LAUNCH_GATE"):
        apps.get_app_config("runs").ready()
    settings.LAUNCH_GATE = "llmhub.checklists.nowhere"
    with pytest.raises(ImportError):
        apps.get_app_config("runs").ready()


def test_the_gate_is_the_one_of_the_settings():
    from llmhub.runs.gate import gate

    assert gate() is gates
