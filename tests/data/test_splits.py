import pytest

from llmhub.lib.rows import split
from llmhub.lib.rows.kinds import Kind
from tests.data.made import source, write
from tests.data.measured import checked, passages, rows
from workers.data.report.division import Division
from workers.data.report.splits import Splits


def splits(source, share):
    division = Division.of(source, share, lambda done: None)
    return checked(Splits(division), source, division)


def test_rows_are_divided_by_their_prompt(tmp_path):
    made = [{"prompt": f"question {i // 2}", "completion": f"answer {i}"} for i in range(4_000)]
    found = splits(rows(tmp_path, made, Kind.PROMPT_COMPLETION), 0.3)
    expected = sum(split.is_validation(row["prompt"], 0.3) for row in made)
    assert found["method"]["rule"] == "prompts"
    assert found["validation"]["rows"] == expected
    assert found["training"]["rows"] == 4_000 - expected
    assert found["enough"] is True
    assert found["needed_share"] is None


def test_the_last_part_of_a_single_text_is_for_validation(tmp_path):
    text = "".join(f"Passage number {i} of the text.\n\n" for i in range(3_000))
    found = splits(passages(tmp_path, text), 0.1)
    assert found["method"]["rule"] == "characters"
    assert found["validation"]["characters"] == round(len(text) * 0.1)
    assert found["training"]["characters"] + found["validation"]["characters"] == len(text)
    assert found["training"]["rows"] + found["validation"]["rows"] == 3_000
    assert found["validation"]["documents"] == 1
    assert found["enough"] is False


def test_the_share_that_would_be_enough_is_enough(tmp_path):
    text = "".join(f"Passage number {i} of the text.\n\n" for i in range(3_000))
    source = passages(tmp_path, text)
    needed = splits(source, 0.1)["needed_share"]
    assert splits(source, needed)["enough"] is True
    assert splits(source, needed - 0.002)["enough"] is False


@pytest.mark.parametrize("count", [3_000, 20_000])
def test_the_share_that_would_be_enough_for_rows_is_enough(tmp_path, count):
    source = rows(tmp_path, [f"row {i}" for i in range(count)])
    needed = splits(source, 0.01)["needed_share"]
    assert 1_000 <= splits(source, needed)["validation"]["rows"] < 1_250


def test_texts_are_divided_as_wholes(tmp_path):
    files = [write(tmp_path / f"{i}.txt", f"Text {i}.\n\nIts end.\n") for i in range(50)]
    found = splits(source(*files, format="text", columns={}), 0.4)
    expected = sum(split.is_validation(file.sha256, 0.4) for file in files)
    assert found["method"]["rule"] == "documents"
    assert found["validation"]["documents"] == expected
    assert found["validation"]["rows"] == 2 * expected


def test_a_dataset_with_too_few_rows_is_too_small(tmp_path):
    found = splits(rows(tmp_path, [f"row {i}" for i in range(1_500)]), 0.1)
    assert (found["enough"], found["needed_share"], found["too_small"]) == (False, None, True)
