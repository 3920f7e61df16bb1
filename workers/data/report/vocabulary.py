"""What a tokenizer makes of a sample of the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from workers.data.report.arrays import Indices
from workers.data.report.batches import Batch
from workers.data.report.checks import Figures, share
from workers.data.report.distribution import Distribution
from workers.data.report.encode import encode
from workers.data.report.examples import Example
from workers.data.report.hashing import mix
from workers.data.tokens import tokenizer as tokenizers

SAMPLE_ROWS = 20_000
SAMPLE_CHARACTERS = 32 << 20


class Vocabulary:
    """`lengths`: tokens per row of the sample."""

    version = 1

    def __init__(self, path: Path, rows: int, characters: int) -> None:
        self._tokenizer = tokenizers.load(path)
        self._unknown = _unknown_id(self._tokenizer)
        self._used = np.zeros(self._tokenizer.get_vocab_size(), dtype=np.bool_)
        self._chance = min(1.0, SAMPLE_ROWS / max(1, rows), SAMPLE_CHARACTERS / max(1, characters))
        self._words = self._characters = 0
        self._unknown_tokens = self._unknown_characters = 0
        self.lengths = Distribution()

    @property
    def sampled(self) -> int:
        return self.lengths.count

    def add(self, batch: Batch) -> None:
        # By a hash of the row's number: the same rows every time, from all over the data.
        draws = mix(batch.rows.astype(np.uint64)).astype(np.float64) / 2.0**64
        chosen = np.flatnonzero(draws <= self._chance)[: SAMPLE_ROWS - self.sampled]
        if not len(chosen):
            return
        texts = [batch.texts[i] for i in chosen]
        self.lengths.add(np.array([self._look_at(*each) for each in self._encoded(texts)]))
        self._words += int(batch.words.per_row[chosen].sum())
        self._characters += int(batch.sizes[chosen].sum())

    def _encoded(self, texts: list[str]) -> Iterator[tuple[str, Indices]]:
        return zip(texts, encode(self._tokenizer, texts), strict=True)

    def _look_at(self, text: str, ids: Indices) -> int:
        """Returns how many tokens the text has."""
        self._used[ids] = True
        unknown = int((ids == self._unknown).sum())
        if unknown:
            self._unknown_tokens += unknown
            self._unknown_characters += sum(map(self._unknown_in, tokenizers.cut(text)))
        return len(ids)

    def _unknown_in(self, text: str) -> int:
        """How many characters the tokenizer does not know."""
        found = self._tokenizer.encode(text, add_special_tokens=False)
        return sum(
            end - start
            for token_id, (start, end) in zip(found.ids, found.offsets, strict=True)
            if token_id == self._unknown
        )

    def finish(self) -> Collection[int]:
        return ()

    def result(self, texts: Mapping[int, Example]) -> Figures:
        tokens = self.lengths.sum
        return {
            "method": {"sample": self.sampled, "most_rows": SAMPLE_ROWS},
            "vocabulary": len(self._used),
            "used": int(self._used.sum()),
            "used_share": share(int(self._used.sum()), len(self._used)),
            "tokens": tokens,
            "unknown_tokens": self._unknown_tokens,
            "unknown_tokens_share": share(self._unknown_tokens, tokens),
            "unknown_characters_share": share(self._unknown_characters, self._characters),
            "tokens_per_word": share(tokens, self._words),
            "characters_per_token": share(self._characters, tokens),
        }


def _unknown_id(tokenizer: Tokenizer) -> int:
    """-1 where every text has tokens."""
    name = getattr(tokenizer.model, "unk_token", None) or tokenizers.UNKNOWN
    found = tokenizer.token_to_id(name)
    return -1 if found is None else int(found)
