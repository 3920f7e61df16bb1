"""Stages: one way from one to the other, a gate on it, a history, and the way back."""

import threading

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from llmhub.registry import promotion
from llmhub.registry.models import Model, ModelVersion, Promotion, Stage, VersionState
from llmhub.runs.said import Refused
from llmhub.runs.states import State
from tests.factories import make_model_version, make_project, make_run, make_user

pytestmark = pytest.mark.django_db

PRODUCTION, RETIRED, CANDIDATE = Stage.PRODUCTION, Stage.RETIRED, Stage.CANDIDATE


def closed_gate(version, stage, user):
    if stage == PRODUCTION:
        raise Refused({"stage": ["Three items are not signed."]})


def changing_gate(version, stage, user):
    """Writes something and then refuses."""
    Model.objects.filter(pk=version.model_id).update(description="asked")
    raise Refused({"stage": ["No."]})


@pytest.fixture
def versions(atlas):
    run = make_run(atlas, State.SUCCEEDED)
    first = make_model_version(run)
    return [first, make_model_version(run, first.model), make_model_version(run, first.model)]


def stages(versions):
    return [ModelVersion.objects.get(pk=version.pk).stage for version in versions]


def test_a_version_takes_the_place_of_the_one_in_production(versions, ada):
    promotion.promote(versions[0], PRODUCTION, ada, "The first one.")
    row = promotion.promote(versions[1], PRODUCTION, ada, "  Better\r\nby far. ")
    assert stages(versions) == [RETIRED, PRODUCTION, CANDIDATE]
    assert (row.replaced, row.before, row.after) == (versions[0], CANDIDATE, PRODUCTION)
    assert (row.by, row.reason) == (ada, "Better\nby far.")


def test_rolling_back_puts_back_what_was_replaced_step_by_step(versions, ada):
    for version in versions:
        promotion.promote(version, PRODUCTION, ada, "Next.")
    model = versions[0].model
    promotion.roll_back(model, ada, "It made things up.")
    assert stages(versions) == [RETIRED, PRODUCTION, RETIRED]
    row = promotion.roll_back(model, ada, "This one too.")
    assert stages(versions) == [PRODUCTION, RETIRED, RETIRED]
    assert row.is_rollback
    assert row.replaced == versions[1]
    with pytest.raises(Refused, match="no version to go back to"):
        promotion.roll_back(model, ada, "Once more.")
    assert Promotion.objects.count() == 5


def test_after_a_rollback_the_next_promotion_can_be_rolled_back_too(versions, ada):
    promotion.promote(versions[0], PRODUCTION, ada, "1")
    promotion.promote(versions[1], PRODUCTION, ada, "2")
    promotion.roll_back(versions[0].model, ada, "back")
    promotion.promote(versions[2], PRODUCTION, ada, "3")
    promotion.roll_back(versions[0].model, ada, "back")
    assert stages(versions) == [PRODUCTION, RETIRED, RETIRED]


def test_every_step_asks_the_gate_and_a_refusal_changes_nothing(versions, ada, settings):
    promotion.promote(versions[0], PRODUCTION, ada, "1")
    settings.PROMOTION_GATE = f"{__name__}.closed_gate"
    with pytest.raises(Refused, match="Three items are not signed"):
        promotion.promote(versions[1], PRODUCTION, ada, "2")
    assert stages(versions) == [PRODUCTION, CANDIDATE, CANDIDATE]
    assert Promotion.objects.count() == 1
    promotion.promote(versions[2], RETIRED, ada, "The gate lets this pass.")


def test_the_gate_is_asked_for_a_rollback_too(versions, ada, settings):
    promotion.promote(versions[0], PRODUCTION, ada, "1")
    promotion.promote(versions[1], PRODUCTION, ada, "2")
    settings.PROMOTION_GATE = f"{__name__}.closed_gate"
    with pytest.raises(Refused):
        promotion.roll_back(versions[0].model, ada, "back")
    assert stages(versions) == [RETIRED, PRODUCTION, CANDIDATE]


def test_what_the_gate_writes_goes_with_its_refusal(versions, ada, settings):
    """It is asked in the same transaction."""
    settings.PROMOTION_GATE = f"{__name__}.changing_gate"
    with pytest.raises(Refused):
        promotion.promote(versions[0], PRODUCTION, ada, "1")
    assert Model.objects.get().description == ""


@pytest.mark.parametrize("reason", ["", " \r\n ", "x" * 2_001, "a\0b", "a\ud800b"])
def test_a_reason_is_needed_that_can_be_kept(versions, ada, reason):
    with pytest.raises(Refused) as refusal:
        promotion.promote(versions[0], PRODUCTION, ada, reason)
    assert list(refusal.value.errors) == ["reason"]
    assert stages(versions[:1]) == [CANDIDATE]


def test_what_is_not_ready_or_there_already_does_not_move(versions, ada):
    ModelVersion.objects.filter(pk=versions[0].pk).update(state=VersionState.FAILED)
    with pytest.raises(Refused, match="not ready"):
        promotion.promote(versions[0], PRODUCTION, ada, "1")
    with pytest.raises(Refused, match="in this stage already"):
        promotion.promote(versions[1], CANDIDATE, ada, "1")


def test_a_gate_that_does_not_import_keeps_the_hub_from_starting(settings):
    from django.apps import apps

    settings.PROMOTION_GATE = "llmhub.checklists.nowhere.promotion"
    with pytest.raises(ImportError):
        apps.get_app_config("registry").ready()
    settings.PROMOTION_GATE = "llmhub.registry.promotion.MAX_REASON"
    with pytest.raises(ImproperlyConfigured):
        apps.get_app_config("registry").ready()


@pytest.mark.django_db(transaction=True)
def test_of_two_promotions_at_once_the_second_replaces_the_first():
    project, user = make_project(), make_user()
    run = make_run(project, State.SUCCEEDED)
    first = make_model_version(run)
    second = make_model_version(run, first.model)
    start = threading.Barrier(2)
    errors = []

    def press(version):
        start.wait()
        try:
            promotion.promote(version, PRODUCTION, user, "Now.")
        except Exception as error:  # noqa: BLE001
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(version,)) for version in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(stages([first, second])) == [PRODUCTION, RETIRED]
    assert Promotion.objects.exclude(replaced=None).count() == 1
