import pytest

from llmhub.lib.rows import split
from llmhub.lib.rows.kinds import Kind
from tests.data.measured import as_json, checked, passages, rows
from workers.data.report import search
from workers.data.report.batches import batches
from workers.data.report.division import Division
from workers.data.report.gram_filter import GramFilter
from workers.data.report.gram_set import GramSet
from workers.data.report.hashing import numbers
from workers.data.report.leakage import Leakage
from workers.data.report.overlap import shared

SECRET = "the quick brown fox jumps over the lazy dog while the old cat sleeps"
assert len(SECRET.split()) == 14


def leaks(tmp_path, source, share=0.5, benchmark=None):
    division = Division.of(source, share, lambda done: None)
    benchmarks = [{"id": 7, "name": "Quiz", "source": as_json(benchmark)}] if benchmark else []
    leakage = Leakage(division, tmp_path / "leakage", benchmarks)
    for batch in batches(division, lambda done: None):
        leakage.look_for(batch)
    leakage.close()
    return checked(leakage, source, division)


def placed(validation: bool, start: str) -> str:
    """A text with this start that falls to the wanted part."""
    return next(
        text
        for i in range(100)
        if split.is_validation(text := f"{start} number{i}", 0.5) == validation
    )


def test_words_of_a_validation_row_in_training_are_a_leak(tmp_path):
    hidden, seen = placed(True, SECRET), placed(False, f"Once upon a time, {SECRET.upper()}.")
    others = [placed(i % 2 == 0, f"row {i} that says something else") for i in range(20)]
    found = leaks(tmp_path, rows(tmp_path, [hidden, *others, seen]))["validation"]
    assert (found["rows"], found["compared"]) == (11, 11)
    assert found["in"] == {"training": {"rows": 1, "share": 1 / 11, "only_common": 0}}
    (example,) = found["examples"]
    assert [row["row"] for row in example["rows"]] == [0, 21]
    assert example["shared"] == "the quick brown fox jumps over the lazy dog while the old cat"


def test_twelve_words_in_common_are_none(tmp_path):
    twelve = " ".join(SECRET.split()[:12])
    hidden = placed(True, f"{twelve} here and in this way it goes on to its end")
    seen = placed(False, f"{twelve} there but it ends in another way than the other")
    found = leaks(tmp_path, rows(tmp_path, [hidden, seen]))["validation"]
    assert found["in"]["training"]["rows"] == 0


def test_short_rows_are_compared_as_wholes(tmp_path):
    hidden = placed(True, "who wrote this little book")
    short = placed(True, "who is")
    contains = placed(False, f"{hidden} and why")
    found = leaks(tmp_path, rows(tmp_path, [hidden, short, contains]))["validation"]
    assert (found["rows"], found["compared"]) == (2, 1)
    assert found["in"]["training"]["rows"] == 0


def test_benchmarks_are_looked_for_in_both_parts(tmp_path):
    quiz = [
        {"prompt": f"Question: {SECRET}, why?"},
        {"prompt": "What is the name of this town?"},
        {"prompt": "Something that nobody has ever asked before in the whole wide world, or so"},
        {"prompt": "Who?"},
    ]
    (tmp_path / "quiz").mkdir()
    benchmark = rows(tmp_path / "quiz", quiz, Kind.PROMPTS)
    data = [
        {"prompt": placed(False, "first"), "completion": f"so {SECRET} again"},
        {"prompt": placed(True, "second"), "completion": f"then {SECRET} as well"},
    ]
    found = leaks(tmp_path, rows(tmp_path, data, Kind.PROMPT_COMPLETION), benchmark=benchmark)
    (quiz_found,) = found["benchmarks"]
    assert (quiz_found["id"], quiz_found["name"]) == (7, "Quiz")
    assert (quiz_found["rows"], quiz_found["compared"]) == (4, 3)
    assert quiz_found["in"]["training"]["rows"] == quiz_found["in"]["validation"]["rows"] == 1
    assert quiz_found["in"]["training"]["share"] == 0.25
    example = quiz_found["examples"][0]
    assert (example["part"], example["rows"][1]["row"]) == ("training", 0)
    assert example["rows"][0]["text"] == quiz[0]["prompt"]


def test_a_short_benchmark_row_is_found_where_a_row_says_the_same(tmp_path):
    (tmp_path / "quiz").mkdir()
    benchmark = rows(tmp_path / "quiz", ["What is the name of this town?", "Who are they all?"])
    data = rows(tmp_path, ["what IS the name of this town", "Who are they? All is well here."])
    found = leaks(tmp_path, data, share=0.0, benchmark=benchmark)["benchmarks"][0]
    assert found["in"]["training"]["rows"] == 1
    assert found["examples"][0]["shared"] == "what is the name of this town"


def test_a_form_that_many_rows_fill_in_is_no_leak(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "COMMON_ROWS", 10)
    texts = [f"{SECRET} and now for number {i}: {i * i} it is" for i in range(200)]
    leak = placed(False, "the words here are those of one other row and of no more than that")
    copied = placed(True, leak)
    found = leaks(tmp_path, rows(tmp_path, [*texts, leak, copied]))["validation"]
    assert found["in"]["training"]["rows"] == 1
    assert found["in"]["training"]["only_common"] == found["rows"] - 1


def test_system_prompts_are_no_leak(tmp_path):
    made = [
        {"prompt": f"question {i}", "completion": f"answer {i}", "system": SECRET}
        for i in range(50)
    ]
    found = leaks(tmp_path, rows(tmp_path, made, Kind.PROMPT_COMPLETION))["validation"]
    assert found["in"]["training"] == {"rows": 0, "share": 0.0, "only_common": 0}


def test_the_end_of_a_text_is_compared_with_its_beginning(tmp_path):
    filler = "".join(f"Passage {i} says what no other passage says.\n\n" for i in range(50))
    source = passages(tmp_path, f"{SECRET}.\n\n{filler}{SECRET}!\n")
    found = leaks(tmp_path, source, share=0.1)
    assert found["validation"]["in"]["training"]["rows"] == 1
    assert found["shared_prompts"] is None


def test_no_prompt_is_on_both_sides(tmp_path):
    made = [{"prompt": f"question {i % 40}", "completion": f"{i}"} for i in range(200)]
    assert leaks(tmp_path, rows(tmp_path, made, Kind.PROMPT_COMPLETION))["shared_prompts"] == 0


def test_of_too_many_grams_the_same_ones_are_kept_everywhere(tmp_path):
    grams = numbers(1, 1_000)
    kept = GramSet(tmp_path / "set", most_grams=300)
    kept.add(grams, (grams % 7).astype("u4"))
    kept.close()
    assert kept.one_in == 4
    assert kept.grams.tolist() == sorted(gram for gram in grams.tolist() if gram % 4 == 0)
    _, are_there = kept.places(grams)
    assert are_there.tolist() == [gram % 4 == 0 for gram in grams.tolist()]


def test_the_filter_misses_none_and_lets_few_others_pass():
    wanted, others = numbers(1, 50_000), numbers(2, 50_000)
    wanted.sort()
    found = GramFilter([wanted[::2], wanted[1::2]])
    assert found.may_have(wanted).all()
    assert found.may_have(others).mean() == pytest.approx(1 / 20, abs=0.03)


def test_what_two_texts_share_is_said_in_words():
    assert shared(f"A b. {SECRET}", f"{SECRET} c") == " ".join(SECRET.split()[:13])
    assert shared("nothing at all in common", "with this one") == ""
