import pytest

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from tests.data import planted
from tests.data.measured import derived, measured, passages, rows

LONG = " ".join(f"word{i}" for i in range(60))
EVERYTHING = ["exact", "near", "empty", "overlong"]


def kept_rows(source):
    return [item.row for item in source.rows()]


def test_the_first_of_what_repeats_stays(tmp_path):
    changed = LONG.replace("word30", "other")
    source = rows(tmp_path, ["one", LONG, "one", "", changed, "two ", " ", "two"])
    done, clean = derived(source, remove=EVERYTHING)
    assert kept_rows(clean) == [{"text": "one"}, {"text": LONG}, {"text": "two "}]
    assert done["removed"] == {"exact": 2, "near": 1, "empty": 2, "overlong": 0}
    assert (done["kept"], done["name"]) == (3, "rows.clean.jsonl.zst")


def test_only_what_was_asked_for_is_removed(tmp_path):
    source = rows(tmp_path, ["one", "one", "", "x" * 100])
    done, clean = derived(source, remove=["overlong"], context_length=20)
    assert kept_rows(clean) == [{"text": "one"}, {"text": "one"}, {"text": ""}]
    assert done["removed"] == {"overlong": 1}


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (Kind.PROMPT_COMPLETION, {"prompt": "a", "completion": "b"}),
        (Kind.PROMPT_COMPLETION, {"system": "s", "prompt": "a\n", "completion": "b"}),
        (Kind.CHAT, {"messages": [{"role": "user", "content": "é"}]}),
        (
            Kind.PREFERENCE,
            {
                "prompt": "a",
                "chosen": "b",
                "rejected": "c",
                "history": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "content": "y"},
                ],
            },
        ),
        (Kind.PROMPTS, {"prompt": "a"}),
    ],
)
def test_what_is_kept_is_unchanged(tmp_path, kind, row):
    _, clean = derived(rows(tmp_path, [row], kind), remove=["exact"])
    assert clean.reading.kind is kind
    assert kept_rows(clean) == [row]


def test_rows_of_which_only_some_have_a_field_keep_it(tmp_path):
    made = [{"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": "b", "system": "s"}]
    _, clean = derived(rows(tmp_path, made, Kind.PROMPT_COMPLETION), remove=["exact"])
    assert kept_rows(clean) == made


def test_a_text_stays_a_text(tmp_path):
    speech = "Now is the winter of our discontent made glorious summer.\r\n\r\n"
    text = f"KING:\n\n{speech}Mail to king@example.com\n\nKING:\n\n{speech}Here the text ends."
    done, clean = derived(passages(tmp_path, text), remove=["exact"], anonymise=True)
    assert done["name"] == "text.clean.txt"
    assert clean.files[0].path.read_bytes().decode() == (
        f"KING:\n\n{speech}Mail to [EMAIL]\n\nKING:\n\nHere the text ends."
    )
    assert clean.reading.is_plain_text
    assert (done["kept"], done["removed"], done["replaced"]["email"]) == (5, {"exact": 1}, 1)


def test_rows_that_differed_in_personal_data_alone_are_one(tmp_path):
    texts = [f"{LONG} {name}@example.com" for name in ("ann", "bob")]
    done, clean = derived(rows(tmp_path, texts), remove=["exact"], anonymise=True)
    assert kept_rows(clean) == [{"text": f"{LONG} [EMAIL]"}]
    assert done["removed"] == {"exact": 1}


def test_a_row_that_goes_for_its_length_takes_no_other_with_it(tmp_path):
    done, clean = derived(
        rows(tmp_path, [f"{LONG} and end", LONG]), remove=["near", "overlong"], context_length=103
    )
    assert len(LONG) <= 4 * 103 < len(f"{LONG} and end")
    assert kept_rows(clean) == [{"text": LONG}]
    assert done["removed"] == {"near": 0, "overlong": 1}


def test_a_clean_version_has_nothing_left_of_what_was_removed(tmp_path):
    faulty = planted.plant(1_000, 20)
    faulty.rows[500] = {"prompt": "And?", "completion": " "}
    source = rows(tmp_path, faulty.rows, Kind.PROMPT_COMPLETION)
    before = measured(source, context_length=330)["checks"]
    done, clean = derived(source, remove=EVERYTHING, anonymise=True, context_length=330)
    after = measured(clean, context_length=330)["checks"]
    for checks, is_clean in ((before, False), (after, True)):
        for rows_found in (
            checks["exact_duplicates"]["rows"],
            checks["near_duplicates"]["rows"],
            checks["lengths"]["empty"]["rows"],
            checks["lengths"]["overlong"]["rows"],
            checks["personal"]["rows"],
        ):
            assert (rows_found == 0) is is_clean
    assert done["kept"] == 1_000 - sum(done["removed"].values())
    assert after["lengths"]["rows"] == done["kept"]


def test_a_version_without_rows_is_refused(tmp_path):
    with pytest.raises(Problem) as problem:
        derived(rows(tmp_path, ["", " "]), remove=["empty"])
    assert problem.value.code == "no_rows"


def test_what_nobody_can_remove_is_refused(tmp_path):
    with pytest.raises(ValueError, match="sense"):
        derived(rows(tmp_path, ["one"]), remove=["sense"])
