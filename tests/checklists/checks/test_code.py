"""What the checks of code find, each failing for its own reason."""

import hashlib

import pytest
from django.conf import settings

from llmhub.checklists import checking
from llmhub.checklists.checks import junit
from llmhub.checklists.models import Evidence
from tests.checklists.checks.making import (
    checked,
    codes,
    draft,
    make_checklist,
    make_worker,
    told,
)
from tests.factories import SMOKE_SPEC, make_evaluation_task

pytestmark = pytest.mark.django_db

COMMIT = "0123456789ab"


def versions(**changes):
    return {"python": "3.11.7", "torch": "2.13.0", "llmhub": COMMIT} | changes


class TestReproducible:
    def test_a_seed_and_workers_that_are_alike(self, atlas):
        make_worker()
        make_worker("node-2", versions=versions(torch="2.13.0"))
        evidence = checked(draft(atlas), "reproducible")
        assert evidence.outcome == "passed", told(evidence)
        assert evidence.measured["seed"] == 1337

    def test_another_python_on_another_worker(self, atlas):
        make_worker()
        make_worker("node-2", versions=versions(python="3.12.1"))
        evidence = checked(draft(atlas), "reproducible")
        assert codes(evidence) == ["environments_differ"]
        assert "node-2: 3.12.1" in told(evidence)

    def test_another_torch_than_is_pinned(self, atlas):
        make_worker(versions=versions(torch="2.12.0+cu130"))
        assert codes(checked(draft(atlas), "reproducible")) == ["not_as_pinned"]

    def test_the_kind_of_a_build_is_no_other_version(self, atlas):
        make_worker(versions=versions(torch="2.13.0+cpu"))
        assert checked(draft(atlas), "reproducible").outcome == "passed"

    def test_a_requirement_that_is_not_pinned(self, atlas, settings, tmp_path):
        make_worker()
        from llmhub.checklists.checks import code

        (tmp_path / "requirements.txt").write_text("torch==2.13.0\nnumpy>=2\n# a word\n")
        settings.BASE_DIR = tmp_path
        code.requirements.cache_clear()
        try:
            evidence = checked(draft(atlas), "reproducible")
        finally:
            code.requirements.cache_clear()
        assert codes(evidence) == ["not_pinned"]
        assert "numpy>=2" in told(evidence)

    def test_nobody_knows_without_a_worker(self, atlas):
        assert codes(checked(draft(atlas), "reproducible")) == ["no_worker"]


class TestConfigurationVersioned:
    def test_a_frozen_recipe_and_a_clean_commit(self, atlas):
        make_worker()
        evidence = checked(draft(atlas), "configuration-versioned")
        assert evidence.outcome == "passed"
        assert COMMIT in told(evidence)

    @pytest.mark.parametrize(
        ("commit", "code"), [(COMMIT + "+", "commit_changed"), ("", "commit_unknown")]
    )
    def test_code_that_is_no_commit(self, atlas, commit, code):
        make_worker(versions=versions(llmhub=commit))
        assert codes(checked(draft(atlas), "configuration-versioned")) == [code]

    def test_two_commits(self, atlas):
        make_worker()
        make_worker("node-2", versions=versions(llmhub="ba9876543210"))
        assert codes(checked(draft(atlas), "configuration-versioned")) == ["commits_differ"]


GOOD = """<?xml version="1.0"?>
<testsuites><testsuite name="pytest" tests="3" failures="0">
<properties><property name="commit" value="0123456789abcdef0123456789abcdef01234567"/></properties>
<testcase classname="tests.a" name="test_one"/>
<testcase classname="tests.a" name="test_two"><system-out>failure</system-out></testcase>
<testcase classname="tests.a" name="test_three"><skipped/></testcase>
</testsuite></testsuites>"""
BAD = GOOD.replace('"test_two">', '"test_two"><failure message="no"/>')
BOMB = """<?xml version="1.0"?>
<!DOCTYPE testsuites [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<testsuites><testcase name="&b;"/></testsuites>"""
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE testsuites [<!ENTITY secret SYSTEM "file:///etc/passwd">]>
<testsuites><testcase name="&secret;"/></testsuites>"""


def judged(atlas, content: str, note: str = "") -> Evidence:
    """A file attached to the item, and what the check says of it."""
    checklist = make_checklist(draft(atlas), "unit-tests")
    attach(checklist, content.encode(), note)
    (evidence,) = checking.start(checklist, ["unit-tests"], None)
    return evidence


def attach(checklist, content: bytes, note: str = "") -> Evidence:
    sha256 = hashlib.sha256(content).hexdigest()
    place = settings.HUB_DATA / "evidence" / sha256[:2] / sha256
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return Evidence.objects.create(
        checklist=checklist,
        item="unit-tests",
        kind="file",
        parts_hash="",
        file_name="junit.xml",
        file_sha256=sha256,
        file_bytes=len(content),
        note=note,
    )


class TestUnitTests:
    @pytest.fixture(autouse=True)
    def worker(self, db):
        make_worker()

    def test_all_passed_on_the_commit_of_the_workers(self, atlas):
        evidence = judged(atlas, GOOD)
        assert evidence.outcome == "passed", told(evidence)
        assert evidence.measured["tests"] == 3
        assert evidence.measured["skipped"] == 1
        assert evidence.inputs == {"junit.xml": hashlib.sha256(GOOD.encode()).hexdigest()}

    def test_one_that_failed_is_named(self, atlas):
        evidence = judged(atlas, BAD)
        assert codes(evidence) == ["tests_failed"]
        assert "tests.a.test_two" in told(evidence)

    def test_what_a_suite_says_of_itself_does_not_count(self, atlas):
        broken = BAD.replace('failures="0"', 'failures="0" errors="0"')
        assert codes(judged(atlas, broken)) == ["tests_failed"]

    def test_those_of_another_commit_prove_nothing(self, atlas):
        assert codes(judged(atlas, GOOD, note="commit: abcdef0123456")) == ["tests_of_other_commit"]

    def test_code_that_somebody_has_changed_is_no_commit(self, atlas):
        from llmhub.runs.models import Worker

        Worker.objects.update(versions=versions(llmhub=COMMIT + "+"))
        assert codes(judged(atlas, GOOD)) == ["tests_of_other_commit"]

    def test_without_a_commit_people_decide(self, atlas):
        unknown = GOOD.replace('name="commit"', 'name="branch"')
        evidence = judged(atlas, unknown)
        assert evidence.outcome == "unknown"
        assert codes(evidence) == ["tests_of_unknown_commit"]
        assert judged(atlas, unknown, note=f"commit {COMMIT}").outcome == "passed"

    def test_no_file(self, atlas):
        assert codes(checked(draft(atlas), "unit-tests")) == ["no_junit"]

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (BOMB, "bad_junit"),
            (OUTSIDE, "bad_junit"),
            ("<html/>", "bad_junit"),
            ("no XML", "bad_junit"),
            ("<testsuites/>", "no_tests"),
            ('<testsuite><testcase name="a"><skipped/></testcase></testsuite>', "no_tests"),
            ("<testsuite>" + "<a>" * 100, "bad_junit"),
        ],
    )
    def test_what_is_no_result_of_tests(self, atlas, content, code):
        evidence = judged(atlas, content)
        assert evidence.outcome == "failed"
        assert codes(evidence) == [code]

    def test_a_file_that_is_gone(self, atlas):
        checklist = make_checklist(draft(atlas), "unit-tests")
        file = attach(checklist, b"<testsuite/> ")
        (settings.HUB_DATA / "evidence" / file.file_sha256[:2] / file.file_sha256).unlink()
        (evidence,) = checking.start(checklist, ["unit-tests"], None)
        assert codes(evidence) == ["bad_junit"]

    def test_names_are_cut(self):
        long = GOOD.replace("test_two", "x" * 10_000).replace("<system-out>", "<failure/><a>")
        long = long.replace("</system-out>", "</a>")
        assert len(junit.read(long.encode()).first_broken) == 200


class TestBenchmarksNamed:
    def test_a_task_is_enough(self, atlas):
        assert codes(checked(draft(atlas), "benchmarks-named")) == ["no_benchmark"]
        task = make_evaluation_task(atlas, name="Arithmetic")
        evidence = checked(draft(atlas), "benchmarks-named")
        assert evidence.outcome == "passed"
        assert evidence.inputs == {"Arithmetic": task.sha256}

    def test_one_that_is_out_of_the_way_is_none(self, atlas):
        from django.utils import timezone

        make_evaluation_task(atlas, archived_at=timezone.now())
        assert codes(checked(draft(atlas), "benchmarks-named")) == ["no_benchmark"]


class TestStoppingCriteria:
    @pytest.mark.parametrize(("every", "outcome"), [(40, "passed"), (41, "failed")])
    def test_it_has_to_be_validated_before_its_end(self, atlas, every, outcome):
        spec = {**SMOKE_SPEC, "runtime": {"eval_every": every}}
        evidence = checked(draft(atlas, spec=spec), "stopping-criteria")
        assert evidence.outcome == outcome
        if outcome == "failed":
            assert codes(evidence) == ["no_validation_on_the_way"]
