import json
from pathlib import Path

import pytest

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from tests.data import planted
from tests.data.made import Phases
from tests.data.measured import as_json, job, measured, passages, rows, undivided
from tests.data.planted import Planted
from workers.data.report.duplicates import Duplicates
from workers.data.report.near_duplicates import NearDuplicates
from workers.data.report.report import report
from workers.data.tokens import tokenizer as tokenizers

ROWS, OF_EACH = 3_000, 60


@pytest.fixture(scope="module")
def faulty() -> Planted:
    return planted.plant(ROWS, OF_EACH)


@pytest.fixture(scope="module")
def found(faulty, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "quiz").mkdir()
    quiz = rows(folder / "quiz", faulty.benchmark, Kind.PROMPT_COMPLETION)
    source = rows(folder, faulty.rows, Kind.PROMPT_COMPLETION)
    benchmarks = [{"id": 1, "name": "Quiz", "source": as_json(quiz)}]
    return measured(source, benchmarks=benchmarks)["checks"]


@pytest.fixture(scope="module")
def repeats(faulty, tmp_path_factory) -> list[set[int]]:
    """The rows that repeat an earlier one exactly, and nearly."""
    folder = tmp_path_factory.mktemp("repeats")
    exact = Duplicates(folder / "exact")
    near = NearDuplicates(folder / "near", exact)
    for batch in undivided(rows(folder, faulty.rows, Kind.PROMPT_COMPLETION)):
        exact.add(batch)
        near.add(batch)
    for check in (exact, near):
        check.finish()
    return [set(check.repeats.nonzero()[0].tolist()) for check in (exact, near)]


def test_planted_copies_are_found_and_nothing_else(faulty, found, repeats):
    assert len(repeats[0] & faulty.exact) >= 0.99 * OF_EACH
    assert repeats[0] <= faulty.exact
    assert found["exact_duplicates"]["rows"] == len(repeats[0])


def test_rows_that_were_changed_a_little_are_found_and_none_that_are_only_alike(
    faulty, found, repeats
):
    assert len(repeats[1] & faulty.near.keys()) >= 0.95 * OF_EACH
    assert repeats[1] <= faulty.near.keys()
    assert found["near_duplicates"]["rows"] == len(repeats[1])


def test_rows_for_validation_that_training_shows_are_found(faulty, found):
    leaks = found["leakage"]["validation"]
    hidden = [row for row in faulty.rows if planted.is_validation(row)]
    shown = leaks["in"]["training"]["rows"]
    assert leaks["rows"] == len(hidden)
    assert shown == count_shown(hidden, faulty) == len(faulty.leaked) == OF_EACH
    assert {example["rows"][0]["row"] for example in leaks["examples"]} <= faulty.leaked
    assert found["leakage"]["shared_prompts"] == 0


def test_rows_of_a_benchmark_that_training_shows_are_found(faulty, found):
    (quiz,) = found["leakage"]["benchmarks"]
    shown = quiz["in"]["training"]["rows"]
    assert shown == count_shown(faulty.benchmark, faulty) == len(faulty.leaked_benchmark)
    assert quiz["in"]["validation"]["rows"] == 0


def count_shown(rows, faulty) -> int:
    """How many share 13 words in succession with a row for training: each with each."""
    seen = set()
    for row in faulty.rows:
        if not planted.is_validation(row):
            seen |= planted.shingles(planted.as_text(row), planted.GRAM)
    return sum(bool(seen & planted.shingles(planted.as_text(row), planted.GRAM)) for row in rows)


def test_planted_personal_data_are_found_and_hardly_anything_else(faulty, found):
    assert len(faulty.personal) == 6 * OF_EACH
    for figures in found["personal"]["kinds"].values():
        assert 0.95 * OF_EACH <= figures["count"] <= 1.02 * OF_EACH


def test_a_report_says_how_each_figure_was_made(found):
    assert set(found) == {
        *("lengths", "encoding", "exact_duplicates", "near_duplicates"),
        *("leakage", "personal", "splits"),
    }
    for figures in found.values():
        assert figures["version"] >= 1
        assert figures["seconds"] >= 0
        assert isinstance(figures["method"], dict)


def test_a_report_is_plain_json(found):
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_text_is_measured_passage_by_passage(tmp_path):
    text = "".join(f"Passage {i} says something of its own, at some length.\n\n" for i in range(99))
    result = measured(passages(tmp_path, text))
    assert (result["rows"], result["characters"]) == (99, len(text))
    assert result["checks"]["splits"]["method"]["rule"] == "characters"
    assert result["peak_memory_bytes"] > 10**7


def test_a_tokenizer_adds_what_it_covers(tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizers.build("bytes", 256, [], []).save(str(path))
    source = rows(tmp_path, ["one", "three"])
    checks = measured(source, tokenizer={"path": str(path)}, context_length=4)["checks"]
    assert checks["vocabulary"]["tokens"] == 8
    assert checks["lengths"]["tokens"]["max"] == 5
    assert checks["lengths"]["overlong"]["rows"] == 1
    assert checks["lengths"]["method"]["tokens"] == "tokenizer"


def test_progress_is_told_by_phases(tmp_path):
    phases = Phases()
    report(job(passages(tmp_path, "one\n\ntwo")), phases)
    assert list(dict.fromkeys(phase for phase, _, _ in phases.calls)) == [
        *("counting", "looking", "measuring", "comparing", "showing"),
    ]
    assert all(0 <= done <= total for _, done, total in phases.calls)


def test_what_grows_with_the_rows_is_on_the_disk(tmp_path):
    values = job(rows(tmp_path, [f"row {i} of the many that there are here" for i in range(500)]))
    report(values, lambda phase, done, total: None)
    assert sum(path.stat().st_size for path in Path(values["folder"]).rglob("*")) > 500 * 16 * 8


def test_a_file_that_has_changed_is_not_measured(tmp_path):
    source = rows(tmp_path, ["one", "two"])
    values = job(source)
    source.files[0].path.write_text('{"text": "other"}\n')
    with pytest.raises(Problem) as problem:
        report(values, lambda phase, done, total: None)
    assert problem.value.code == "changed_on_disk"
