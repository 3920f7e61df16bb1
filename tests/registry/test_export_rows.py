"""What both models read to be compared, and which tokenizers a GGUF file can hold."""

from __future__ import annotations

import json

import pytest

from llmhub.lib import manifest
from llmhub.lib.problems import Problem
from llmhub.lib.rows import split
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import special_tokens
from tests.registry.exporting import VOCABULARY, write_model
from workers.data.tokens import tokenizer as tokenizers
from workers.models.export import gguf_tokens
from workers.models.export.held_out import HeldOut, Reading, cut

QUESTIONS = [{"prompt": f"What is {n} + 1?", "completion": f"{n + 1}."} for n in range(60)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "llama", "llama")


def wish(folder, rows, share: float = 0.2, template: str = "auto"):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = {
        "name": path.name,
        "path": str(path),
        "sha256": manifest.file_hash(path),
        "bytes": path.stat().st_size,
    }
    columns = {name: name for name in rows[0]}
    reading = {"format": "jsonl", "kind": "prompt_completion", "columns": columns}
    source = {"files": [file], "reading": reading}
    return {
        "name": "questions", "source": source, "validation_share": share, "template": template,
    }  # fmt: skip


def written(reading: Reading) -> str:
    """What the model is asked for, byte by byte."""
    return bytes(
        token
        for token, counts in zip(reading.ids, reading.counts, strict=True)
        if counts and token < 256
    ).decode()


def test_only_rows_that_were_held_out_are_read_and_only_their_answers_count(tmp_path, model):
    held = [
        row["completion"]
        for row in QUESTIONS
        if split.is_validation(split.key(Kind.PROMPT_COMPLETION, row), 0.2)
    ]

    found = HeldOut.of(wish(tmp_path, QUESTIONS), model)

    assert 0 < len(held) < len(QUESTIONS)
    assert [written(reading) for reading in found.readings] == held
    # Each with the token that ends it.
    assert found.tokens == sum(len(text) + 1 for text in held)


def test_rows_that_were_no_training_data_are_read_whole(tmp_path, model):
    found = HeldOut.of(wish(tmp_path, QUESTIONS[:10], share=1.0), model)

    assert len(found.readings) == 10


def test_prompts_end_where_the_model_begins_to_write_and_leave_room_for_an_answer(tmp_path, model):
    found = HeldOut.of(wish(tmp_path, QUESTIONS[:10], share=1.0, template="plain"), model)

    prompts = [bytes(prompt).decode() for prompt in found.prompts()]
    assert prompts[0] == "What is 0 + 1?\n\n"
    assert all(len(prompt) + found.answer_tokens <= 64 for prompt in found.prompts())


def test_rows_without_anything_to_write_are_told(tmp_path, model):
    with pytest.raises(Problem) as told:
        HeldOut.of(wish(tmp_path, QUESTIONS, share=1e-9), model)

    assert told.value.code == "nothing_to_measure"


def test_a_long_text_is_read_in_pieces_that_fit_and_all_of_it():
    text = Reading(list(range(25)), [True] * 25)
    other = Reading([7, 8], [True, True])

    found = list(cut(iter([(text, True), (other, True)]), 10))

    assert [reading.ids for reading in found] == [
        [*range(10)], [*range(10, 20)], [*range(20, 25)], [7, 8],
    ]  # fmt: skip


def rules(kind: str) -> dict:
    made = tokenizers.build(kind, VOCABULARY, special_tokens("plain"), ["the cat and the hat"])
    return json.loads(made.to_str())


@pytest.mark.parametrize("kind", ["bytes", "bpe"])
def test_tokenizers_that_llama_cpp_knows_are_named(kind):
    assert gguf_tokens.division(rules(kind)) == "gpt-2"
    assert gguf_tokens.merges(rules(kind))


def test_a_tokenizer_that_llama_cpp_would_read_otherwise_is_refused():
    unknown = rules("bpe")
    unknown["pre_tokenizer"]["use_regex"] = False
    for found in (rules("characters"), unknown):
        with pytest.raises(Problem) as told:
            gguf_tokens.division(found)
        assert told.value.code == "gguf_tokenizer"
