import random

import numpy as np

from workers.data.report import grams, words


def said(*texts: str) -> list[list[str]]:
    found = words.split(texts)
    return [
        [found.text(i, 1) for i in range(start, end)]
        for start, end in zip(found.first, found.first[1:], strict=False)
    ]


def test_words_are_runs_of_letters_and_digits_in_lower_case():
    assert said("Hello, World! It's 2 o'clock.") == [
        ["hello", "world", "it", "s", "2", "o", "clock"]
    ]


def test_words_of_any_script_are_whole():
    assert said("Größe ПРИВЕТ naïve नमस्ते 𝒳y") == [["größe", "привет", "naïve", "नमस्ते", "𝒳y"]]


def test_characters_of_scripts_without_spaces_are_words():
    assert said("日本語 is カタ") == [["日", "本", "語", "is", "カ", "タ"]]


def test_no_word_reaches_over_the_border_of_rows():
    assert said("one two", "", "three", " ,. ") == [["one", "two"], [], ["three"], []]


def test_a_run_of_encoded_data_counts_as_several_words():
    assert [len(word) for word in said("a" * 150)[0]] == [64, 64, 22]


def test_words_have_the_same_hash_exactly_where_they_are_the_same():
    draw = random.Random(1)
    vocabulary = ["".join(draw.choices("abcé日", k=draw.randint(1, 20))) for _ in range(300)]
    said = draw.choices(vocabulary, k=5_000)
    found = words.split([" ".join(said[:2_500]), " ".join(said[2_500:])])
    spoken = [found.text(i, 1) for i in range(len(found.starts))]
    assert len(set(found.hashes.tolist())) == len(set(spoken))
    assert len(set(zip(spoken, found.hashes.tolist(), strict=True))) == len(set(spoken))


def test_hashes_do_not_depend_on_what_is_around():
    alone, after = words.split(["straße"]), words.split(["x" * 99, "etwas, STRASSE/straße"])
    assert alone.hashes[0] == after.hashes[-1]


def test_grams_are_equal_exactly_where_their_words_are():
    found = words.split(["a b c d", "x a b c", "c b a", "b c"])
    hashes, first = grams.of(found, 3)
    assert first.tolist() == [0, 2, 4, 5, 5]
    assert hashes[0] == hashes[3]
    assert len(set(hashes.tolist())) == 4


def test_grams_of_short_rows_are_of_all_their_words():
    found = words.split(["a b", "a b c d", "a b c", "c b a", "a b c"])
    hashes, rows = grams.of_short_rows(found, 3, 4)
    assert rows.tolist() == [2, 3, 4]
    assert hashes[0] == hashes[2] != hashes[1]


def test_nothing_has_no_words():
    found = words.split([])
    assert found.first.tolist() == [0]
    assert len(grams.of(found, 5)[0]) == 0
    assert np.array_equal(words.split(["", "!"]).per_row, [0, 0])
