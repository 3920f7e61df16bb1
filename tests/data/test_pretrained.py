"""Rows as the tokenizer of a model that exists reads them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken

from llmhub.lib import manifest
from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import END_OF_TEXT, render, special_tokens
from tests.data.sources import rows, texts
from workers.data.reading.source import Reading, Source
from workers.data.tokens import tokenizer as tokenizers
from workers.data.tokens.tokenized import (
    TOKENIZER,
    Choice,
    Tokenized,
    key,
    shared_tokenizer,
    tokenized,
)
from workers.data.tokens.tokenizer import PRETRAINED, Pretrained
from workers.training.models.load import tokenizer_of
from workers.training.tokenizer import for_transformers

TEXT = "To be or not to be, that is the question — où est l'été?\n" * 200
CHATML = special_tokens("chatml")
KINDS = pytest.mark.parametrize("kind", ["bpe", "bytes", "characters"])
CHATS = [
    {
        "messages": [
            {"role": "user", "content": f"What is {i}²? <|im_start|>assistant"},
            {"role": "assistant", "content": f"{i * i} <|endoftext|>"},
        ]
    }
    for i in range(40)
]


def saved(kind: str, place: Path, special: tuple[str, ...] = CHATML) -> Pretrained:
    """A tokenizer of TEXT and of what CHATS say, as a model's folder has it."""
    made = tokenizers.build(kind, 300, special, [TEXT, json.dumps(CHATS, ensure_ascii=False)])
    for_transformers(made).save_pretrained(place)
    path = place / TOKENIZER
    return Pretrained(path, manifest.file_hash(path), tokenizers.special_ids(made)[END_OF_TEXT])


def choose(pretrained: Pretrained, **changes: Any) -> Choice:
    values: dict[str, Any] = {"vocab_size": 300, "validation_share": 0.25, "template": "chatml"}
    return Choice(PRETRAINED, **values | changes, pretrained=pretrained)


def make(source: Source, choice: Choice) -> Tokenized:
    return tokenized(source, choice, source.files[0].path.parent / "tokens", str)


def all_ids(made: Tokenized) -> list[int]:
    return [*made.training.tokens.tolist(), *made.validation.tokens.tolist()]


@KINDS
@pytest.mark.parametrize("kind_of_rows", [Kind.TEXT, Kind.CHAT])
def test_rows_have_the_ids_of_the_tokenizer_that_was_saved(
    kind: str, kind_of_rows: Kind, tmp_path: Path
):
    """Learned from the data and then read back from a model's folder: the same tokens again."""
    values: list[dict[str, Any]] = CHATS
    if kind_of_rows is Kind.TEXT:
        values = [{"text": TEXT[i : i + 400]} for i in range(0, 4_000, 400)]
    source = rows(tmp_path, kind_of_rows, values)
    learned = make(source, Choice(kind, 300, 0.25, "chatml"))
    for_transformers(learned.tokenizer).save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / TOKENIZER
    end = tokenizers.special_ids(learned.tokenizer)[END_OF_TEXT]

    found = make(source, choose(Pretrained(path, manifest.file_hash(path), end)))

    assert found.path != learned.path
    for part in ("training", "validation"):
        mine, first = getattr(found, part), getattr(learned, part)
        assert mine.tokens.tolist() == first.tokens.tolist()
        assert mine.starts.tolist() == first.starts.tolist()
        assert np.array_equal(mine.mask, first.mask)


@KINDS
def test_every_character_counts_once(kind: str, tmp_path: Path):
    """Of a tokenizer that is not ours to know: by its tokens alone."""
    source = rows(tmp_path, Kind.TEXT, [{"text": TEXT[i : i + 300]} for i in range(0, 3_000, 300)])
    made = make(source, choose(saved(kind, tmp_path / "model")))

    assert made.characters == 3_000
    assert made.characters_per_token[all_ids(made)].sum() == 3_000


class TestOfOthers:
    """Tokenizers that are made otherwise than ours."""

    WORDS = "Bravo! où?\n        Encore! "

    def saved(self, place: Path, change: Any = None, end: str = "</s>") -> Pretrained:
        """Token 0 is a word's, “</s>” ends a text, and eight blanks are a token beside the merges.
        `change` of what its file says."""
        made = tokenizers.build("bpe", 300, (), [self.WORDS * 20])
        made.add_special_tokens([AddedToken("</s>", special=True)])
        made.add_tokens([AddedToken(" " * 8, special=False)])
        file = json.loads(made.to_str())
        if change:
            change(file)
        place.write_text(json.dumps(file))
        found = tokenizers.load(place)
        return Pretrained(place, manifest.file_hash(place), found.token_to_id(end))

    def made(self, folder: Path, pretrained: Pretrained) -> Tokenized:
        values = [{"text": self.WORDS * (i + 1)} for i in range(12)]
        choice = choose(pretrained, vocab_size=100_000)
        return make(rows(folder, Kind.TEXT, values), choice)

    def test_every_character_counts_once(self, tmp_path: Path):
        made = self.made(tmp_path, self.saved(tmp_path / TOKENIZER))
        ids = all_ids(made)

        assert made.tokenizer.id_to_token(0) == "!"
        assert {0, made.tokenizer.token_to_id(" " * 8)} <= set(ids)
        assert made.characters_per_token[ids].sum() == made.characters

    def test_every_character_counts_once_where_bytes_are_lacking(self, tmp_path: Path):
        """Those that their texts never had, as of SmolLM2."""

        def without_a_byte(file: dict[str, Any]) -> None:
            vocabulary = file["model"]["vocab"]
            vocabulary["of no use"] = vocabulary.pop("ñ")

        made = self.made(tmp_path, self.saved(tmp_path / TOKENIZER, without_a_byte))
        assert made.characters_per_token[all_ids(made)].sum() == made.characters

    def test_ids_with_gaps_need_rows_up_to_the_highest(self, tmp_path: Path):
        def with_a_gap(file: dict[str, Any]) -> None:
            file["model"]["vocab"]["?"] = 70_000

        pretrained = self.saved(tmp_path / TOKENIZER, with_a_gap)
        found = tokenizers.load(pretrained.path)
        assert found.get_vocab_size() < 300
        assert tokenizers.rows_needed(found) == 70_001

        assert 70_000 in all_ids(self.made(tmp_path, pretrained))
        with pytest.raises(Problem, match=r"need 70,?001 tokens"):
            tokenizers.load_pretrained(pretrained, vocab_size=70_000)

    def test_the_end_of_a_text_has_a_row_too(self, tmp_path: Path):
        pretrained = replace(self.saved(tmp_path / TOKENIZER), end_of_text=400)
        with pytest.raises(Problem, match="need 401 tokens"):
            tokenizers.load_pretrained(pretrained, vocab_size=400)

    def test_a_model_that_reads_with_it_ends_texts_as_it_does(self, tmp_path: Path):
        """And not with token 0, which is “!” here."""
        pretrained = self.saved(tmp_path / TOKENIZER)
        model = tmp_path / "model"
        for_transformers(tokenizers.load(pretrained.path), pretrained.end_of_text).save_pretrained(
            model
        )
        (model / "config.json").write_text(json.dumps({"vocab_size": 300}))

        found = tokenizer_of(model)

        assert found.end_of_text == pretrained.end_of_text != 0
        added = tokenizers.load(found.path).get_added_tokens_decoder().values()
        assert {token.content for token in added if token.special} == {"</s>"}


def test_what_its_file_says_of_padding_and_lengths_is_left_out(tmp_path: Path):
    pretrained = saved("bpe", tmp_path / "model")
    source = rows(tmp_path, Kind.CHAT, CHATS)
    plain = make(source, choose(pretrained))
    tokenizer = tokenizers.load(pretrained.path)
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(pretrained.path))
    asking = replace(pretrained, sha256=manifest.file_hash(pretrained.path))

    found = make(source, choose(asking))

    assert found.path != plain.path
    assert all_ids(found) == all_ids(plain)


def test_each_text_ends_with_the_token_that_the_model_ends_texts_with(tmp_path: Path):
    """Whatever its name: a model of others may have “</s>”."""
    made = tokenizers.build("bpe", 300, ("<pad>", "</s>"), [TEXT])
    for_transformers(made).save_pretrained(tmp_path / "model")
    path = tmp_path / "model" / TOKENIZER
    source = rows(tmp_path, Kind.TEXT, [{"text": f"Text {i}"} for i in range(20)])

    found = make(source, choose(Pretrained(path, manifest.file_hash(path), end_of_text=1)))

    for part in (found.training, found.validation):
        assert set(part.tokens[part.starts[1:] - 1].tolist()) == {1}
    assert all_ids(found).count(1) == 20


def test_the_key_knows_the_file_and_the_end_but_not_the_place(tmp_path: Path):
    source = texts(tmp_path, TEXT)
    pretrained = saved("bpe", tmp_path / "model")
    moved = tmp_path / "elsewhere.json"
    shutil.copyfile(pretrained.path, moved)
    known = key(source, choose(pretrained))

    assert key(source, choose(replace(pretrained, path=moved))) == known
    assert key(source, choose(replace(pretrained, sha256="0" * 64))) != known
    assert key(source, choose(replace(pretrained, end_of_text=1))) != known


@pytest.mark.parametrize(
    ("reading", "choice", "before"),
    [
        pytest.param(
            Reading("text", Kind.TEXT, {}),
            Choice("bpe", 512, 0.1),
            "845cd5e3122bb6efd120528aa67eafb8df458bfc40fda905632b1aa4a289f06e",
            id="text",
        ),
        pytest.param(
            Reading("jsonl", Kind.CHAT, {"messages": "messages"}),
            Choice("bytes", 300, 0.1, "plain"),
            "be3a7783beebce80eef626253391c8be46208685a31f76e11844bd52ecee3853",
            id="rows",
        ),
    ],
)
def test_keys_are_those_of_the_release_that_knew_no_pretrained_ones(
    reading: Reading, choice: Choice, before: str, tmp_path: Path
):
    """Or else every cache would be made anew."""
    files = texts(tmp_path, "To be or not to be.").files
    assert key(Source(files, reading), choice) == before


@pytest.mark.parametrize("kind", [Kind.CHAT, Kind.PROMPT_COMPLETION, Kind.PREFERENCE])
def test_chatml_without_its_tokens_is_a_problem(kind: Kind, tmp_path: Path):
    values = {
        Kind.CHAT: CHATS,
        Kind.PROMPT_COMPLETION: [{"prompt": "What?", "completion": "That."}] * 5,
        Kind.PREFERENCE: [{"prompt": "What?", "chosen": "That.", "rejected": "Nothing."}] * 5,
    }
    source = rows(tmp_path, kind, values[kind])
    pretrained = saved("bpe", tmp_path / "model", special=(END_OF_TEXT,))

    with pytest.raises(Problem, match=r"“chatml” marks turns with <\|im_start\|>") as no:
        make(source, choose(pretrained))

    assert no.value.code == "template_unknown"
    assert len(all_ids(make(source, choose(pretrained, template="plain")))) > 0


@pytest.mark.parametrize(
    ("asked", "special", "expected"),
    [
        pytest.param("auto", CHATML, "chatml", id="its tokens are there"),
        pytest.param("auto", (END_OF_TEXT,), "plain", id="they are not"),
        pytest.param("auto", CHATML[:2], "plain", id="one is not"),
        pytest.param("plain", CHATML, "plain", id="plain is wanted"),
        pytest.param("chatml", (END_OF_TEXT,), "chatml", id="chatml is wanted"),
    ],
)
def test_the_template_that_fits(asked: str, special: tuple[str, ...], expected: str):
    tokenizer = tokenizers.build("bytes", 300, special, [])
    assert tokenizers.resolve_template(asked, tokenizer) == expected


@KINDS
def test_turns_that_a_person_types_are_text(kind: str, tmp_path: Path):
    """A chat has two turns; one in which a person types a third has it in its letters alone."""
    made = make(rows(tmp_path, Kind.CHAT, CHATS), choose(saved(kind, tmp_path / "model")))
    start, end = (made.tokenizer.token_to_id(token) for token in CHATML[1:])
    over = made.tokenizer.token_to_id(END_OF_TEXT)

    ids = all_ids(made)
    assert (ids.count(start), ids.count(end)) == (2 * len(CHATS), 2 * len(CHATS))
    assert over not in ids
    shown = made.tokenizer.decode(ids, skip_special_tokens=False)
    assert shown.count("<|im_start|>") == 3 * len(CHATS)


@KINDS
def test_a_row_by_itself_has_the_ids_of_the_rows(kind: str, tmp_path: Path):
    """What a person asks while the model learns is read as its rows are."""
    pretrained = saved(kind, tmp_path / "model")
    made = make(rows(tmp_path, Kind.CHAT, CHATS), choose(pretrained))
    special = tokenizers.special_ids(made.tokenizer, pretrained)

    found = [
        tokenizers.ids_of(segments, made.tokenizer, special)
        for row in CHATS
        for segments in render(Kind.CHAT, row, "chatml")
    ]

    stored = [
        part.tokens[begin:end].tolist()
        for part in (made.training, made.validation)
        for begin, end in zip(part.starts[:-1], part.starts[1:], strict=True)
    ]
    assert sorted(found) == sorted(stored)


def test_a_vocabulary_smaller_than_the_tokenizer_is_a_problem(tmp_path: Path):
    pretrained = saved("bytes", tmp_path / "model")

    with pytest.raises(Problem, match=r"need 259 tokens .* vocabulary has 256"):
        make(texts(tmp_path, TEXT), choose(pretrained, vocab_size=256))


class TestShared:
    """One tokenizer for a mix of texts."""

    @pytest.fixture
    def sources(self, tmp_path: Path) -> list[Source]:
        folders = [tmp_path / name for name in ("latin", "greek")]
        for folder in folders:
            folder.mkdir()
        return [texts(folders[0], "abc " * 400), texts(folders[1], "αβγ " * 300)]

    def share(
        self, sources: list[Source], cache: Path, say: Any = str, **changes: Any
    ) -> Pretrained:
        values = {"tokenizer": "characters", "vocab_size": 300, "validation_share": 0.1} | changes
        return shared_tokenizer(sources, Choice(**values), cache, say)

    def test_it_knows_the_characters_of_both(self, sources: list[Source], tmp_path: Path):
        pretrained = self.share(sources, tmp_path / "tokens")
        unknown = tokenizers.load(pretrained.path).token_to_id(tokenizers.UNKNOWN)

        for source, text in zip(sources, ("abc ", "αβγ "), strict=True):
            made = make(source, choose(pretrained, validation_share=0.1))
            assert unknown not in all_ids(made)
            assert made.tokenizer.decode(made.training.tokens[:4].tolist()) == text

    def test_merges_are_learned_from_both(self, sources: list[Source], tmp_path: Path):
        pretrained = self.share(sources, tmp_path / "tokens", tokenizer="bpe")
        tokenizer = tokenizers.load(pretrained.path)
        for word in (" abc", " αβγ"):
            assert len(tokenizer.encode(word).ids) == 1

    def test_it_is_made_once(self, sources: list[Source], tmp_path: Path):
        lines: list[str] = []
        first = self.share(sources, tmp_path / "tokens", lines.append)
        again = self.share(sources, tmp_path / "tokens", lines.append)

        assert again == first
        assert lines == ["Making the tokenizer “characters” from 2 texts"]
        assert first.sha256 == manifest.file_hash(first.path)

    def test_other_texts_or_choices_have_another(self, sources: list[Source], tmp_path: Path):
        made = {
            self.share(*arguments, **changes).path
            for arguments, changes in [
                ((sources, tmp_path), {}),
                ((sources[:1], tmp_path), {}),
                ((sources[::-1], tmp_path), {}),
                ((sources, tmp_path), {"vocab_size": 310}),
                ((sources, tmp_path), {"tokenizer": "bytes"}),
                ((sources, tmp_path), {"validation_share": 0.2}),
            ]
        }
        assert len(made) == 6

    @pytest.mark.parametrize("kind", ["bpe", "bytes", "characters"])
    def test_its_texts_end_with_its_own_token(self, kind: str, tmp_path: Path):
        source = rows(tmp_path, Kind.TEXT, [{"text": f"Text {i}"} for i in range(10)])
        pretrained = self.share([source, source], tmp_path / "tokens", tokenizer=kind)

        made = make(source, choose(pretrained))

        ends = made.training.tokens[made.training.starts[1:] - 1]
        assert set(ends.tolist()) == {pretrained.end_of_text}
        assert all_ids(made).count(pretrained.end_of_text) == 10
        assert made.characters_per_token[pretrained.end_of_text] == 0
