from llmhub.lib.rows.kinds import Kind
from tests.data.measured import checked, passages, rows
from workers.data.report.duplicates import Duplicates


def test_rows_that_say_the_same_are_counted_and_shown_side_by_side(tmp_path):
    source = rows(tmp_path, ["one", "two", " one\n", "three", "two", "one", "One"])
    found = checked(Duplicates(tmp_path / "exact"), source)
    assert (found["rows"], found["groups"], found["share"]) == (3, 2, 3 / 7)
    assert found["examples"] == [
        {
            "size": 3,
            "rows": [
                {"row": 0, "text": "one"},
                {"row": 2, "text": " one\n"},
                {"row": 5, "text": "one"},
            ],
        },
        {"size": 2, "rows": [{"row": 1, "text": "two"}, {"row": 4, "text": "two"}]},
    ]


def test_the_first_of_a_group_stays(tmp_path):
    duplicates = Duplicates(tmp_path / "exact")
    checked(duplicates, rows(tmp_path, ["a", "b", "a", "a"]))
    assert duplicates.repeats.tolist() == [False, False, True, True]


def test_a_row_is_all_of_its_fields(tmp_path):
    source = rows(
        tmp_path,
        [
            {"prompt": "a", "completion": "b"},
            {"prompt": "a", "completion": "c"},
            {"prompt": "a", "completion": "b", "system": "s"},
        ],
        Kind.PROMPT_COMPLETION,
    )
    assert checked(Duplicates(tmp_path / "exact"), source)["rows"] == 0


def test_headings_of_a_text_repeat_by_right(tmp_path):
    speech = "Now is the winter of our discontent made glorious summer\n\n"
    source = passages(tmp_path, f"ROMEO:\n\n{speech}ROMEO:\n\n{speech}ROMEO:\n\n")
    found = checked(Duplicates(tmp_path / "exact"), source)
    assert (found["rows"], found["too_short"]) == (1, 3)


def test_groups_are_found_over_many_batches(tmp_path):
    texts = [f"row {i % 30_000} of many" for i in range(40_000)]
    duplicates = Duplicates(tmp_path / "exact")
    found = checked(duplicates, rows(tmp_path, texts))
    assert (found["rows"], found["groups"]) == (10_000, 10_000)
    assert duplicates.repeats[30_000:].all()
