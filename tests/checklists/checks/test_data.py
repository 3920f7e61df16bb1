"""What the checks of data find, each failing for its own reason."""

import pytest

from llmhub.checklists import checking
from llmhub.checklists.checks import KNOWN
from llmhub.datasets.processing import report as measure
from tests.checklists.checks.making import (
    checked,
    codes,
    draft,
    make_checklist,
    make_report,
    told,
)
from tests.factories import make_dataset_version, make_mix, make_rows_version
from tests.jobs.running import run_jobs

pytestmark = pytest.mark.django_db

OF_DATA = ("data-clean", "validation-split", "data-statistics", "personal-data")


@pytest.fixture
def version(atlas):
    return make_dataset_version(atlas)


@pytest.mark.parametrize("name", OF_DATA)
def test_a_version_that_was_measured_and_is_in_order_passes(atlas, version, name):
    report = make_report(version)

    evidence = checked(draft(atlas, version), name)

    assert evidence.outcome == "passed", told(evidence)
    assert evidence.inputs[str(version)] == version.sha256
    assert f"report {report.pk}" in evidence.inputs


@pytest.mark.parametrize("name", OF_DATA)
def test_a_version_that_nobody_has_measured_fails(atlas, version, name):
    other = make_dataset_version(atlas, text="Another text.", slug=version.dataset.slug)
    make_report(other)

    evidence = checked(draft(atlas, version), name)

    assert evidence.outcome == "failed"
    assert codes(evidence) == ["no_report"]
    assert str(version) in told(evidence)


@pytest.mark.parametrize(
    ("name", "found", "code"),
    [
        ("data-clean", {"exact": 0.004, "near": 0.008}, "repeated_rows"),
        ("validation-split", {"validation": 999}, "few_for_validation"),
        ("validation-split", {"leaked": 1}, "leaked_rows"),
        ("validation-split", {"share": 0.2}, "report_of_other_share"),
        ("data-statistics", {"lengths": None}, "no_lengths"),
        ("personal-data", {"personal": 3}, "personal_rows"),
    ],
)
def test_what_a_report_has_found_is_the_reason(atlas, version, name, found, code):
    make_report(version, **found)

    evidence = checked(draft(atlas, version), name)

    assert evidence.outcome == "failed"
    assert codes(evidence) == [code]


def test_the_newest_report_counts(atlas, version):
    make_report(version, personal=3)
    make_report(version, personal=0)

    assert checked(draft(atlas, version), "personal-data").outcome == "passed"


def test_a_version_made_without_duplicates_needs_no_report(atlas):
    version = make_dataset_version(
        atlas, derivation={"changes": {"remove": ["exact", "near"], "anonymise": False}}
    )

    assert checked(draft(atlas, version), "data-clean").outcome == "passed"
    assert codes(checked(draft(atlas, version), "personal-data")) == ["no_report"]


def test_an_anonymised_version_fails_where_its_report_still_finds_something(atlas):
    version = make_dataset_version(atlas, derivation={"changes": {"remove": [], "anonymise": True}})
    assert checked(draft(atlas, version), "personal-data").outcome == "passed"

    make_report(version, personal=1)
    assert codes(checked(draft(atlas, version), "personal-data")) == ["personal_rows"]


def test_every_part_of_a_mix_counts(atlas, version):
    other = make_dataset_version(atlas, text="Somebody's address.")
    mix = make_mix(atlas, {"web": version, "books": other})
    run = draft(atlas)
    run.dataset_version, run.mix_version = None, mix
    run.save()
    make_report(version, validation=600)
    make_report(other, validation=600, personal=2)

    split = checked(run, "validation-split")
    assert split.outcome == "passed"
    assert split.measured["rows"] == 1_200
    personal = checked(run, "personal-data")
    assert codes(personal) == ["personal_rows"]
    assert str(other) in told(personal)


def test_a_real_report_can_be_read(atlas, hub_data):
    rows = [{"prompt": f"Question {i}?", "completion": f"Answer {i} of many."} for i in range(300)]
    rows += [{"prompt": "Write to", "completion": "ada.lovelace@example.com"}] * 20
    version = make_rows_version(atlas, "prompt_completion", rows)
    measure(version, None, {})
    run_jobs()
    checklist = make_checklist(draft(atlas, version), *OF_DATA)

    clean, split, statistics, personal = checking.start(checklist, OF_DATA, None)

    assert codes(clean) == ["repeated_rows"]
    assert codes(personal) == ["personal_rows"]
    assert statistics.outcome == "passed"
    assert set(codes(split)) <= {"few_for_validation", "leaked_rows"}


class TestLicences:
    def test_every_dataset_needs_one(self, atlas, version):
        evidence = checked(draft(atlas, version), "licences")
        assert codes(evidence) == ["no_licence"]

        version.dataset.licence = "CC-BY-4.0"
        version.dataset.save()
        evidence = checked(draft(atlas, version), "licences")
        assert evidence.outcome == "passed"
        assert "CC-BY-4.0" in told(evidence)

    def test_that_spdx_knows(self, atlas, version):
        version.dataset.licence = "Free for all"
        version.dataset.save()

        assert codes(checked(draft(atlas, version), "licences")) == ["not_spdx"]

    @pytest.mark.parametrize(
        ("base", "outcome"), [("demo:tiny", "passed"), ("somebody/model", "unknown")]
    )
    def test_that_of_a_base_model_from_elsewhere_is_left_to_people(self, atlas, base, outcome):
        rows = [{"prompt": "Why?", "completion": "Because."}] * 4
        version = make_rows_version(atlas, "prompt_completion", rows)
        version.dataset.licence = "MIT"
        version.dataset.save()
        spec = {
            "objective": "sft",
            "model": {"base_model": base},
            "training": {"batch_size": 2, "learning_rate": 1e-4, "max_seq_length": 64},
        }

        evidence = checked(draft(atlas, version, spec=spec), "licences")

        assert evidence.outcome == outcome
        assert (base in told(evidence)) == (outcome == "unknown")


def test_each_check_says_what_it_proves_and_what_not():
    for check in KNOWN.values():
        assert str(check.title)
        assert str(check.proves)
        assert str(check.leaves_open)
        assert check.parts
        assert check.is_quick != (check.work is not None)
