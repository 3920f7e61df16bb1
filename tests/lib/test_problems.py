from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from llmhub.lib.problems import MAX_CHARACTERS, TEXTS, Problem, explain
from ops.config import ROOT


def raised_codes() -> set[str]:
    """Every literal code that is given to `Problem` anywhere."""
    codes = set()
    for folder in ("llmhub", "workers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            codes |= codes_in(path)
    return codes


def codes_in(path: Path) -> set[str]:
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {
        call.args[0].value
        for call in calls
        if getattr(call.func, "id", "") == "Problem"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_code_that_is_raised_has_a_text():
    codes = raised_codes()

    assert "not_json" in codes
    assert codes - set(TEXTS) == set()


def test_it_says_what_is_wrong_and_where():
    problem = Problem("not_object")

    assert str(problem) == "The line is JSON, but no object."
    assert str(problem.at(file="a.jsonl", line=3)).startswith("a.jsonl, line 3: The line is")
    assert str(problem.at(file="a.parquet", row=3)).startswith("a.parquet, row 3: ")
    assert str(Problem("no_rows", file="a.csv")).startswith("a.csv: The file has no rows")


def test_a_page_says_it_in_the_language_of_its_reader():
    text, advice = explain("not_mapped", {"field": "prompt"}, lambda text: f"<{text}>")

    assert text == "<No column was chosen for “prompt”.>"
    assert advice == "<Choose the column that has it.>"
    assert explain("too_deep", {}, lambda text: f"<{text}>")[1] == ""


def test_its_values_can_be_shown_and_stored():
    values = Problem("not_json", detail="\0\ud800\n" + "x" * 1_000).values

    assert values["detail"].startswith("\ufffd\ufffd\ufffdxxx")
    assert len(values["detail"]) == MAX_CHARACTERS
    assert json.loads(json.dumps(Problem("not_json", detail="x").as_json())) == {
        "code": "not_json",
        "values": {"detail": "x"},
    }


def test_percent_signs_of_people_are_no_format():
    assert "100 %(line)s" in str(Problem("not_json", detail="100 %(line)s"))


def test_a_problem_without_the_values_of_its_text_is_a_mistake():
    with pytest.raises(KeyError):
        Problem("not_json")
    with pytest.raises(KeyError):
        Problem("no_such_code")
