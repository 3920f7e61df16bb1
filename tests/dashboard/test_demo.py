"""`make demo`: two runs to compare, whatever else the project holds."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from llmhub.accounts.models import Role
from llmhub.recipes import services
from llmhub.runs.models import Run
from tests.factories import TEXT, join, make_dataset_version, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    project = make_project("main")
    join(make_user(), project, Role.ADMIN)
    services.sync()
    return project


def demo() -> str:
    said = StringIO()
    call_command("demo", "--no-wait", stdout=said)
    return said.getvalue()


def test_two_runs_differ_in_the_learning_rate(project):
    make_dataset_version(project, TEXT * 20, slug="prose")
    said = demo()
    runs = Run.objects.order_by("pk")
    assert [run.config["training"]["learning_rate"] for run in runs] == [2e-3, 2e-4]
    assert f"?runs={runs[0].pk},{runs[1].pk}" in said


def test_typed_twice_it_launches_once(project):
    make_dataset_version(project, TEXT * 20, slug="prose")
    assert demo() == demo()
    assert Run.objects.count() == 2


def test_a_small_text_is_not_taken_when_there_is_a_longer_one(project):
    make_dataset_version(project, "too small", slug="a-first-by-name")
    longer = make_dataset_version(project, TEXT * 20, slug="prose")
    demo()
    assert set(Run.objects.values_list("dataset_version", flat=True)) == {longer.pk}


def test_a_refusal_is_a_sentence(project):
    make_dataset_version(project, "too small", slug="prose")
    with pytest.raises(CommandError, match=r"^The demo runs were refused: [^{]+$"):
        demo()
    assert not Run.objects.exists()
