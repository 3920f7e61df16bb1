"""How long the rows are, and which are empty or too long for a context."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from llmhub.lib.rows.kinds import Kind, Row
from workers.data.report.batches import ANSWERS, Batch
from workers.data.report.checks import EXAMPLES, Figures, share
from workers.data.report.distribution import Distribution
from workers.data.report.examples import Example
from workers.data.report.vocabulary import Vocabulary

# Where there is no tokenizer to count them.
CHARACTERS_PER_TOKEN = 4


class Lengths:
    version = 1

    def __init__(self, context_length: int, vocabulary: Vocabulary | None) -> None:
        self._context_length = context_length
        self._vocabulary = vocabulary
        self._characters, self._words = Distribution(), Distribution()
        self._estimated_tokens = Distribution()
        self._empty = 0
        self._empty_rows: list[int] = []

    def add(self, batch: Batch) -> None:
        self._characters.add(batch.sizes)
        self._words.add(batch.words.per_row)
        if self._vocabulary is None:
            self._estimated_tokens.add(-(-batch.sizes // CHARACTERS_PER_TOKEN))
        empty = [item.number for item in batch.items if is_empty(batch.kind, item.row)]
        self._empty += len(empty)
        self._empty_rows += empty[: EXAMPLES - len(self._empty_rows)]

    def finish(self) -> Collection[int]:
        return self._empty_rows

    def result(self, texts: Mapping[int, Example]) -> Figures:
        tokens = self._vocabulary.lengths if self._vocabulary else self._estimated_tokens
        over = tokens.above(self._context_length)
        return {
            "method": {
                "tokens": "tokenizer" if self._vocabulary else f"characters/{CHARACTERS_PER_TOKEN}",
                "sample": tokens.count,
                "context_length": self._context_length,
            },
            "rows": self._characters.count,
            "characters": self._characters.result(),
            "words": self._words.result(),
            "tokens": tokens.result(),
            "empty": {
                "rows": self._empty,
                "share": share(self._empty, self._characters.count),
                "examples": [texts[row].shown() for row in self._empty_rows],
            },
            # Of the sample.
            "overlong": {"rows": over, "share": share(over, tokens.count)},
        }


def is_empty(kind: Kind, row: Row) -> bool:
    """Whether a row says nothing, or has an answer that says nothing."""
    if kind is Kind.CHAT:
        answers = [turn["content"] for turn in row["messages"] if turn["role"] == "assistant"]
    else:
        answers = [row[field] for field in ANSWERS if field in row]
        answers = answers or [row[field] for field in ("text", "prompt") if field in row]
    return not answers or not all(map(str.strip, answers))


def estimated_tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
