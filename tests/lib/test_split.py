from __future__ import annotations

import random

from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.split import is_validation, key, validation_start


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_the_validation_part_of_a_text_is_its_end():
    assert validation_start(10, 0.3) == 7
    assert validation_start(1_115_394, 0.1) == 1_003_855


def test_rows_that_come_later_move_no_other_row():
    # Found once and to be found for ever: a change would mix the parts of every dataset.
    assert [number for number in range(40) if is_validation(str(number), 0.1)] == [18, 29]


def test_the_share_is_about_what_was_asked_for():
    words = random.Random(0)
    keys = [f"{words.random()}" for _ in range(10_000)]

    assert 950 < sum(is_validation(key, 0.1) for key in keys) < 1_050
    assert not any(is_validation(key, 0.0) for key in keys)
    assert all(is_validation(key, 1.0) for key in keys)


def test_what_was_chosen_for_a_small_share_is_in_a_larger_one():
    keys = [str(number) for number in range(1_000)]

    small = {key for key in keys if is_validation(key, 0.05)}
    assert small < {key for key in keys if is_validation(key, 0.2)}


def test_rows_with_one_prompt_stay_together():
    asked = [turn("system", "Be kind."), turn("user", "Hello?")]
    answers = ("Hi.", "No.")

    chats = [{"messages": [*asked, turn("assistant", a), turn("user", a)]} for a in answers]
    assert {key(Kind.CHAT, chat) for chat in chats} == {"Be kind.\n\nHello?"}
    completions = [{"prompt": "Hello?", "completion": answer} for answer in answers]
    assert {key(Kind.PROMPT_COMPLETION, row) for row in completions} == {"Hello?"}
    history = [*asked, turn("assistant", "Hi.")]
    later = [{"prompt": p, "chosen": "a", "rejected": "b", "history": history} for p in answers]
    assert {key(Kind.PREFERENCE, row) for row in later} == {"Be kind.\n\nHello?"}
    assert key(Kind.TEXT, {"text": "Once"}) == "Once"
