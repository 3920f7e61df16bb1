"""Every reason that a check gives has words, and every word its value."""

import re
from pathlib import Path

import pytest

from llmhub.checklists import reasons
from llmhub.lib import problems

CHECKS = Path(reasons.__file__).parent / "checks"
GIVEN = re.compile(r"\b(?:reason|failed|undecided)\(\s*\"([a-z_]+)\"")


def given() -> set[str]:
    sources = [*CHECKS.glob("*.py"), CHECKS.parent / "checking.py"]
    return {code for path in sources for code in GIVEN.findall(path.read_text())}


def test_every_reason_that_is_given_has_words():
    assert given() - set(reasons.TEXTS) == set()


def test_no_words_are_left_over():
    assert set(reasons.TEXTS) - given() == set()


@pytest.mark.parametrize("code", sorted(reasons.TEXTS))
def test_it_can_be_said(code):
    text = reasons.TEXTS[code]
    names = re.findall(r"%\((\w+)\)", f"{text.text}{text.advice}")
    said = str(reasons.explain({"code": code, "values": dict.fromkeys(names, 1234.5)}))
    assert "%(" not in said
    assert said


def test_numbers_and_lists_are_written_as_people_write_them():
    assert reasons.as_shown(1234567) == "1,234,567"
    assert reasons.as_shown(["a", 2000]) == "a, 2,000"


def test_a_problem_of_the_machine_is_said_in_its_own_words():
    said = reasons.explain({"code": "disk_full", "values": {}})
    assert said.text == problems.TEXTS["disk_full"].text


def test_a_code_of_another_release_speaks_for_itself():
    assert reasons.explain({"code": "moon_is_full", "values": {}}).text == "moon is full"
