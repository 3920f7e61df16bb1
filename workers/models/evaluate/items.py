"""What became of each item of a task, and how it counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Characters that are kept of a text for people to read.
SHOWN = 4_000


@dataclass
class Item:
    prompt: str
    # Numbers that add up over the items: `lib.significance` makes scores of their sums.
    counts: list[float] = field(default_factory=list)
    answer: str = ""
    expected: str = ""
    topic: str = ""
    # The prompt, or the prompt with an answer, is longer than the model reads.
    is_beyond: bool = False
    # What the model was scored by besides: the choice's likelihoods, the answer that was found.
    more: dict[str, Any] = field(default_factory=dict)
    # All that it says, to be looked for in training data.
    said: str = ""

    def as_json(self, position: int, is_known: bool) -> dict[str, Any]:
        return {
            "position": position,
            "prompt": self.prompt[:SHOWN],
            "answer": self.answer[:SHOWN],
            "expected": self.expected[:SHOWN],
            "topic": self.topic,
            "counts": self.counts,
            "is_beyond": self.is_beyond,
            "is_known": is_known,
            "more": self.more,
        }
