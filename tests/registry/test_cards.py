"""The model card: what is known with its source, and what is not known marked."""

import pytest
from django.urls import reverse

from llmhub.registry import cards, registering
from llmhub.registry.cards import Figure
from llmhub.registry.models import Model, ModelVersion
from llmhub.runs.models import Prediction, Worker
from llmhub.runs.states import State
from tests.factories import make_attempt, make_model_version, make_run
from tests.registry.made import make_checkpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(atlas):
    return make_run(atlas, State.SUCCEEDED, name="Small GPT-2")


@pytest.fixture
def version(run, tmp_path, alice):
    worker = Worker.objects.create(
        name="node-7",
        devices=[{"kind": "cuda", "name": "NVIDIA H100"}],
        versions={"python": "3.11.7", "torch": "2.13.0", "llmhub": "abc123"},
    )
    make_attempt(run, state=None, worker=worker)
    return registering.register(make_checkpoint(run, tmp_path), alice)


def facts(card):
    return {str(fact.title): fact for group in card.groups for fact in group.facts}


def text(fact):
    return ", ".join(one.text for one in fact.said)


def test_what_is_known_is_said_with_where_to_look(version, run):
    known = facts(cards.card(version))
    assert text(known["Registered by"]) == "Alice"
    assert text(known["Objective"]) == "Pretraining"
    assert text(known["Machine"]) == "node-7"
    assert text(known["Devices"]) == "NVIDIA H100"
    assert text(known["Software, when it was registered"]) == "python 3.11.7, torch 2.13.0"
    assert text(known["Code of llmhub"]) == "abc123"
    assert known["Checkpoint"].said[0].url == reverse("run", args=[run.pk])
    data = run.dataset_version
    assert known["Data"].said[0].url == reverse(
        "dataset_version", args=[data.dataset.slug, data.number]
    )


def test_what_nobody_knows_is_marked_and_counted(version):
    card = cards.card(version)
    unknown = {title for title, fact in facts(card).items() if not fact.is_known}
    assert {"What it is for", "Known limits", "Parameters", "Licence, inherited"} <= unknown
    assert card.unknown == len(unknown)
    Model.objects.update(description="For tests.")
    fresh = cards.card(ModelVersion.objects.select_related("model", "run").get(pk=version.pk))
    assert fresh.unknown == card.unknown - 1


def test_a_licence_that_is_not_whole_is_no_known_one(version):
    for part in version.lineage["parts"]:
        part["licence"] = ""
    version.licence = "MIT"
    fact = facts(cards.card(version))["Licence, inherited"]
    assert text(fact) == "MIT"
    assert fact.doubt.startswith("not known of: Text")
    assert not fact.is_known


def test_the_energy_is_that_of_the_run(version, run):
    Prediction.objects.create(run=run, watts=1000, actual_seconds=3600, actual_tokens=1_234_567)
    known = facts(cards.card(version))
    assert text(known["Energy of its run, computed"]) == "1.2 kWh"
    assert text(known["Tokens of its run"]) == "1,234,567"


def test_every_number_leads_to_what_measured_it(version, run, monkeypatch):
    def measured(of):
        assert of == version
        yield Figure("Accuracy", 0.5, "evaluation 3", "/evaluations/3/", 0.4, 0.6, "100 rows")

    monkeypatch.setattr(cards, "SOURCES", [*cards.SOURCES, measured])
    loss, accuracy = cards.card(version).figures
    assert (loss.value, loss.source) == (2.5, f"run #{run.pk}, step 20")
    assert loss.url.startswith(reverse("run", args=[run.pk]))
    assert accuracy.url == "/evaluations/3/"


def test_without_a_measurement_there_is_no_number(run):
    assert cards.card(make_model_version(run)).figures == []


def test_it_is_a_file_that_other_tools_read(version):
    version.licence = "MIT"
    version.notes = "Says *nothing* | of <b>dates</b>.\n\n# no heading"
    written = cards.as_markdown(cards.card(version))
    assert written.startswith('---\nlicense: "MIT"\n---\n\n# Small GPT-2 v1\n')
    assert (
        "| Validation loss · on the rows that the run kept out of its training | 2.5 |" in written
    )
    assert r"Says \*nothing\* \| of \<b\>dates\</b\>. \# no heading" in written
    assert "- **What it is for**: not known" in written
