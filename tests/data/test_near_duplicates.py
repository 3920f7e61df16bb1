import random

import numpy as np
import pytest

from llmhub.lib.rows.kinds import Kind
from tests.data.measured import checked, passages, rows
from workers.data.report import minhash
from workers.data.report.duplicates import Duplicates
from workers.data.report.groups import Groups
from workers.data.report.near_duplicates import NearDuplicates
from workers.data.report.shingle_store import ShingleStore

LONG = " ".join(f"word{i}" for i in range(100))


def found_in(tmp_path, source):
    exact = Duplicates(tmp_path / "exact")
    near = NearDuplicates(tmp_path / "near", exact)
    checked(exact, source)
    return near, checked(near, source)


def test_a_row_that_differs_in_a_word_is_found_and_shown_beside_the_other(tmp_path):
    changed = LONG.replace("word50", "other")
    _, found = found_in(tmp_path, rows(tmp_path, ["something else entirely", LONG, changed]))
    assert (found["rows"], found["groups"], found["too_short"]) == (1, 1, 1)
    (example,) = found["examples"]
    assert [each["row"] for each in example["rows"]] == [1, 2]
    # 96 shingles each, of which one word changes five.
    assert example["rows"][1]["similarity"] == round(91 / 101, 4)


def test_case_and_punctuation_make_no_difference(tmp_path):
    _, found = found_in(tmp_path, rows(tmp_path, [LONG, LONG.upper().replace(" ", ", ")]))
    assert found["rows"] == 1


def test_exact_duplicates_are_not_counted_again(tmp_path):
    changed = LONG.replace("word50", "other")
    near, found = found_in(tmp_path, rows(tmp_path, [LONG, LONG, changed, changed]))
    assert found["rows"] == 1
    assert near.repeats.tolist() == [False, False, True, False]


def test_half_of_the_words_in_common_is_not_nearly_the_same(tmp_path):
    other = LONG[: len(LONG) // 2] + " ".join(f"else{i}" for i in range(50))
    _, found = found_in(tmp_path, rows(tmp_path, [LONG, other]))
    assert found["rows"] == 0


def test_short_rows_are_left_out(tmp_path):
    _, found = found_in(tmp_path, passages(tmp_path, "Enter ROMEO.\n\nEnter, Romeo.\n\n" + LONG))
    assert (found["rows"], found["too_short"]) == (0, 2)


def test_a_shared_system_prompt_makes_no_rows_alike(tmp_path):
    questions = [
        {
            "messages": [
                {"role": "system", "content": LONG},
                {"role": "user", "content": f"What is {name} and who has ever wanted it?"},
            ]
        }
        for name in ("rain", "snow")
    ]
    _, found = found_in(tmp_path, rows(tmp_path, questions, Kind.CHAT))
    assert (found["rows"], found["too_short"]) == (0, 0)


def test_rows_that_are_alike_by_way_of_another_are_one_group(tmp_path):
    chain = [LONG.replace("word10 ", "x "), LONG, LONG.replace("word90 ", "y ")]
    near, found = found_in(tmp_path, rows(tmp_path, [*chain, LONG + " end"]))
    assert (found["rows"], found["groups"]) == (3, 1)
    assert near.repeats.tolist() == [False, True, True, True]


def test_among_many_rows_of_one_form_those_nearly_the_same_are_found(tmp_path):
    draw = random.Random(0)
    form = [f"form{i}" for i in range(100)]
    texts = []
    for i in range(1_000):
        own = [f"own{draw.randrange(10**6)}" for _ in range(25)]
        texts.append(" ".join([*form[:50], *own, *form[50:]]))
        if i % 20 == 0:
            texts.append(texts[-1] + " end")
    source = rows(tmp_path, texts)
    near, found = found_in(tmp_path, source)
    assert set(near.repeats.nonzero()[0]) <= {i for i, text in enumerate(texts) if "end" in text}
    assert found["rows"] >= 48
    assert found["groups"] == found["rows"]


def test_signatures_agree_as_often_as_the_sets_are_similar():
    draw = np.random.default_rng(1)
    shared, a, b = (draw.integers(0, 2**32, n, dtype=np.uint32) for n in (600, 200, 200))
    both = np.concatenate([shared, a, shared, b])
    signatures = minhash.signatures(both, np.array([0, 800, 1600]))
    # Five standard deviations of a mean of 128 draws around 600 / 1000.
    assert (signatures[0] == signatures[1]).mean() == pytest.approx(0.6, abs=0.22)


def test_detection_is_as_stated():
    draw = np.random.default_rng(1)
    similarity = 0.8
    agree = draw.random((20_000, minhash.BANDS, minhash.IN_BAND)) < similarity
    met = np.all(agree, axis=2).any(axis=1).mean()
    assert minhash.detection(similarity) == pytest.approx(met, abs=0.01)


def test_the_store_knows_the_similarity_of_sets(tmp_path):
    store = ShingleStore(tmp_path / "store")
    # A row that repeats its shingles is the same set.
    store.add(np.array([1, 2, 3, 3, 2, 1, 1, 2, 9], dtype=np.uint32), np.array([0, 3, 6, 6]))
    store.add(np.array([1, 2, 9, 8], dtype=np.uint32), np.array([0, 4]))
    some, others = np.array([0, 0, 3, 0]), np.array([1, 3, 3, 0])
    found = store.similarity(some.astype(np.uint32), others.astype(np.uint32))
    assert found.tolist() == [1.0, 2 / 5, 1.0, 1.0]
    assert store.similarity(some[:0].astype(np.uint32), others[:0].astype(np.uint32)).tolist() == []


def test_groups_join_whatever_the_order_of_pairs(tmp_path):
    groups = Groups(tmp_path / "groups", 8)
    pairs = np.array([[6, 5], [4, 5], [3, 4], [1, 7], [3, 6]], dtype=np.uint32)
    groups.join(pairs[:, 0], pairs[:, 1])
    assert groups.first(np.arange(8, dtype=np.uint32)).tolist() == [0, 1, 2, 3, 3, 3, 3, 1]
    assert groups.repeats().tolist() == [False] * 4 + [True] * 4
