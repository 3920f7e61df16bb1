"""A run that is launched for a hypothesis is linked to it, or is not launched."""

import html
import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse

from llmhub.recipes import services
from llmhub.research.models import LinkedRun, Part
from llmhub.runs import purpose
from llmhub.runs.models import Run
from tests.factories import TEXT, make_dataset_version, make_hypothesis, make_project, make_run
from tests.runs.browsing import fields

pytestmark = pytest.mark.django_db


@pytest.fixture
def recipe(db, atlas):
    services.sync()
    make_dataset_version(atlas, TEXT * 20, slug="fables")
    return "gpt2-125m"


def asked(found, **more):
    return {"hypothesis": found.pk, "part": "baseline"} | more


def test_the_launch_form_carries_the_hypothesis_and_links_the_run(as_alice, alice, atlas, recipe):
    found = make_hypothesis(atlas)
    page = as_alice.get(reverse("run_new"), asked(found, recipe=recipe))
    assert found.statement in html.unescape(page.content.decode())
    action = html.unescape(re.search(r'action="(/runs/new/[^"]*)"', page.content.decode())[1])
    refused = as_alice.post(action, fields(page) | {"training.learning_rate": "-1"})
    assert refused.status_code == 422
    assert found.statement in html.unescape(refused.content.decode())
    again = html.unescape(re.search(r'action="(/runs/new/[^"]*)"', refused.content.decode())[1])
    typed = fields(page)
    assert as_alice.post(again, typed).status_code == 302
    # A second press leads to the same run, which is linked once.
    assert as_alice.post(again, typed).status_code == 302
    link = LinkedRun.objects.get()
    assert (link.hypothesis, link.run, link.part) == (found, Run.objects.get(), Part.BASELINE)
    assert link.by == alice


def test_a_run_launched_from_another_one_is_a_variant(as_alice, atlas, recipe):
    found = make_hypothesis(atlas)
    page = as_alice.get(reverse("run_new"), asked(found, recipe=recipe))
    as_alice.post(f"{reverse('run_new')}?recipe={recipe}&hypothesis={found.pk}", fields(page))
    assert LinkedRun.objects.get().part == Part.VARIANT


def test_without_its_link_the_run_does_not_come_to_be(as_alice, atlas, recipe, monkeypatch):
    from llmhub.research import linking

    monkeypatch.setattr(linking, "MOST_RUNS", 0)
    found = make_hypothesis(atlas)
    page = as_alice.get(reverse("run_new"), asked(found, recipe=recipe))
    action = f"{reverse('run_new')}?recipe={recipe}&hypothesis={found.pk}"
    answer = as_alice.post(action, fields(page))
    assert answer.status_code == 422
    assert "at most 0 runs" in html.unescape(answer.content.decode())
    assert not Run.objects.exists()


def test_a_hypothesis_of_another_project_is_not_there(as_alice, atlas, recipe):
    theirs = make_hypothesis(make_project("elsewhere"))
    for said in (asked(theirs, recipe=recipe), {"hypothesis": "x", "recipe": recipe}):
        assert as_alice.get(reverse("run_new"), said).status_code == 404
    from_run = asked(theirs) | {"from": make_run(atlas).pk}
    assert as_alice.get(reverse("run_new"), from_run).status_code == 404


@pytest.mark.parametrize(
    "path", ["llmhub.research.nothing", "llmhub.research.models.MAX_STATEMENT"]
)
def test_a_hub_that_could_not_tell_what_a_run_is_for_does_not_start(settings, path):
    settings.LAUNCH_PURPOSES = [path]
    with pytest.raises(ImproperlyConfigured, match="LAUNCH_PURPOSES"):
        purpose.readers()
