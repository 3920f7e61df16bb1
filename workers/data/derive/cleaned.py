"""A source as it reads once some of its rows are left out and personal data are replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Tokenizer

from llmhub.lib.rows.kinds import Kind, Row
from llmhub.lib.rows.template import as_text
from workers.data.derive.anonymise import anonymise
from workers.data.reading.source import Item, Source
from workers.data.report.encode import encode
from workers.data.report.lengths import estimated_tokens, is_empty
from workers.data.tokens import tokenizer as tokenizers


@dataclass(frozen=True)
class Overlong:
    """Rows with more tokens than a model reads at once."""

    context_length: int
    tokenizer: Tokenizer | None

    @classmethod
    def of(cls, context_length: int, tokenizer: str | None) -> Overlong:
        return cls(context_length, tokenizers.load(Path(tokenizer)) if tokenizer else None)

    def has(self, text: str) -> bool:
        if self.tokenizer is None:
            return estimated_tokens(len(text)) > self.context_length
        # No token is made of less than a byte.
        if len(text.encode()) <= self.context_length:
            return False
        return len(next(encode(self.tokenizer, [text]))) > self.context_length


@dataclass(frozen=True)
class Cleaned(Source):
    """`removed` and `replaced` count what the last pass over the rows met."""

    phone_regions: Sequence[str] | None = None  # None: personal data stay
    without_empty: bool = False
    overlong: Overlong | None = None
    removed: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)

    def rows(self) -> Iterator[Item]:
        self.removed.clear()
        self.replaced.clear()
        number = 0
        for item in super().rows():
            replaced = self._anonymised(item.row)
            reason = self._reason_against(self.reading.kind, item.row)
            if reason:
                self.removed[reason] += 1
                continue
            self.replaced.update(replaced)
            yield item._replace(number=number)
            number += 1

    def _anonymised(self, row: Row) -> Counter[str]:
        return Counter() if self.phone_regions is None else anonymise(row, self.phone_regions)

    def _reason_against(self, kind: Kind, row: Row) -> str:
        if self.without_empty and is_empty(kind, row):
            return "empty"
        if self.overlong and self.overlong.has(as_text(kind, row)):
            return "overlong"
        return ""
