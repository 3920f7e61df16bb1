import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from llmhub.lib.rows.kinds import Kind
from tests.data.measured import checked, rows
from workers.data.derive.cleaned import Overlong
from workers.data.report import vocabulary
from workers.data.report.lengths import Lengths
from workers.data.report.vocabulary import Vocabulary
from workers.data.tokens import tokenizer as tokenizers


def of_words(path, *known: str):
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(["?", *known])}, unk_token="?")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path))
    return path


def test_characters_and_words_of_rows(tmp_path):
    found = checked(Lengths(1024, None), rows(tmp_path, ["one two", "a", "日本 text é"]))
    assert found["rows"] == 3
    assert [found[unit]["max"] for unit in ("characters", "words")] == [9, 4]
    assert [found[unit]["min"] for unit in ("characters", "words")] == [1, 1]


def test_without_a_tokenizer_tokens_are_estimated_and_it_says_so(tmp_path):
    found = checked(Lengths(2, None), rows(tmp_path, ["x" * 8, "x" * 9, "x"]))
    assert found["method"] == {"tokens": "characters/4", "sample": 3, "context_length": 2}
    assert found["tokens"]["max"] == 3
    assert found["overlong"] == {"rows": 1, "share": pytest.approx(1 / 3)}


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        (Kind.TEXT, [{"text": "full"}, {"text": " \n"}]),
        (
            Kind.PROMPT_COMPLETION,
            [{"prompt": "", "completion": "full"}, {"prompt": "a", "completion": " "}],
        ),
        (
            Kind.PREFERENCE,
            [
                {"prompt": "a", "chosen": "b", "rejected": "c"},
                {"prompt": "a", "chosen": "b", "rejected": ""},
            ],
        ),
        (
            Kind.CHAT,
            [
                {"messages": [{"role": "assistant", "content": "full"}]},
                {"messages": [{"role": "user", "content": "no answer"}]},
            ],
        ),
        (Kind.PROMPTS, [{"prompt": "full"}, {"prompt": "\t"}]),
    ],
)
def test_rows_from_which_nothing_is_learned_are_empty(tmp_path, kind, made):
    found = checked(Lengths(1024, None), rows(tmp_path, made, kind))
    assert (found["empty"]["rows"], found["empty"]["share"]) == (1, 0.5)
    assert [each["row"] for each in found["empty"]["examples"]] == [1]


def test_what_a_tokenizer_makes_of_the_rows(tmp_path):
    path = of_words(tmp_path / "tokenizer.json", "one", "two", "three", "four")
    source = rows(tmp_path, ["one two", "two unheard one", "one"])
    check = Vocabulary(path, rows=3, characters=24)
    found = checked(check, source)
    assert (found["vocabulary"], found["used"], found["used_share"]) == (5, 3, 0.6)
    assert (found["tokens"], found["unknown_tokens"]) == (6, 1)
    assert found["unknown_characters_share"] == len("unheard") / 25
    assert (found["tokens_per_word"], found["characters_per_token"]) == (1.0, 25 / 6)
    assert check.lengths.result()["max"] == 3


def test_a_special_token_that_somebody_typed_is_text(tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizers.build("bytes", 257, ["<|endoftext|>"], []).save(str(path))
    check = Vocabulary(path, rows=1, characters=13)
    checked(check, rows(tmp_path, ["<|endoftext|>"]))
    assert check.lengths.result()["max"] == len("<|endoftext|>")


def test_long_rows_are_counted_whole(tmp_path):
    path = of_words(tmp_path / "tokenizer.json", "one")
    check = Vocabulary(path, rows=1, characters=10**6)
    checked(check, rows(tmp_path, ["one " * 100_000]))
    assert check.lengths.result()["max"] == 100_000


def test_a_sample_of_many_rows_is_the_same_every_time(tmp_path, monkeypatch):
    monkeypatch.setattr(vocabulary, "SAMPLE_ROWS", 500)
    path = of_words(tmp_path / "tokenizer.json", "one")
    source = rows(tmp_path, ["one " * (1 + i % 50) for i in range(20_000)])
    checks = [Vocabulary(path, rows=20_000, characters=2_000_000) for _ in range(2)]
    some, again = (checked(check, source) for check in checks)
    assert 400 < some["method"]["sample"] <= 500
    assert some == again
    # Ten standard deviations of the mean.
    assert checks[0].lengths.result()["mean"] == pytest.approx(25.5, abs=6.5)


def test_overlong_rows_are_told_by_their_tokens(tmp_path):
    path = of_words(tmp_path / "tokenizer.json", "one", "tremendously")
    overlong = Overlong.of(3, str(path))
    texts = ["one one one", "one one one one", "tremendously one", "tremendously " * 4]
    assert [overlong.has(text) for text in texts] == [False, True, False, True]
    assert [Overlong.of(3, None).has(text) for text in ("x" * 12, "x" * 13)] == [False, True]
