"""One answer, by `generate` of `transformers` itself: what it writes is what others will get.

Between two tokens it looks up: whether somebody still waits for it, and whose turn it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import StoppingCriteria

from workers.models.playground.loaded import Loaded
from workers.models.playground.spread import spread

OTHERS = 5
# Longest that one answer may take; the page says so.
MOST_SECONDS = 600.0

Emit = Callable[[dict[str, Any]], None]

DECODINGS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "greedy": lambda values: {"do_sample": False, "num_beams": 1},
    "sampling": lambda values: {
        "do_sample": True,
        "num_beams": 1,
        "temperature": values["temperature"],
        "top_k": values["top_k"],
        "top_p": values["top_p"],
    },
    "beam": lambda values: {"do_sample": False, "num_beams": values["beams"]},
}


@dataclass
class Writing:
    """An answer while it is written. `emit` gets each token as it is chosen."""

    loaded: Loaded
    prompt: list[int]
    decoding: dict[str, Any]
    is_chat: bool
    emit: Emit
    is_unwanted: Callable[[], bool]
    tokens: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ends = self.loaded.ends(self.is_chat)
        self.room = self.loaded.context - len(self.prompt)
        self.most = min(self.decoding["max_new_tokens"], self.room)
        self.started = time.monotonic()
        self.first_at = 0.0
        self.ended_by = ""
        self._stream = DecodeStream(skip_special_tokens=True)

    @property
    def is_sampled(self) -> bool:
        return bool(self.decoding["way"] == "sampling")

    @property
    def is_beam(self) -> bool:
        return bool(self.decoding["way"] == "beam")

    def write(self) -> dict[str, Any]:
        """The whole answer, as it is kept."""
        self.loaded.turns.take()
        try:
            written = self._generated()
            if self.is_beam:
                self._weigh(written)
        finally:
            self.loaded.turns.give()
        seconds = time.monotonic() - self.started
        return {
            "text": self._text(written),
            "tokens": self.tokens,
            "ended_by": self.ended_by or self._reason(written),
            "figures": self._figures(len(written), seconds),
        }

    def _generated(self) -> list[int]:
        model: Any = self.loaded.model
        device = model.device
        devices = [device] if device.type == "cuda" else []
        prompt = torch.tensor([self.prompt], device=device)
        padding = {"pad_token_id": self.ends[0]} if self.ends else {}
        step = _Step(self)
        # The model's own distribution, before temperature and the like change it.
        hook = model.register_forward_hook(step.look)
        try:
            with torch.random.fork_rng(devices):
                torch.manual_seed(self.decoding["seed"])
                written = model.generate(
                    prompt,
                    attention_mask=torch.ones_like(prompt),
                    max_new_tokens=self.most,
                    eos_token_id=self.ends or None,
                    stopping_criteria=[step],
                    **padding,
                    **DECODINGS[self.decoding["way"]](self.decoding),
                )
        finally:
            hook.remove()
        answer: list[int] = written[0, len(self.prompt) :].tolist()
        return answer

    def add(self, token: int, logits: Tensor) -> None:
        """A token was chosen from `logits`."""
        self.first_at = self.first_at or time.monotonic()
        shown = self._shown(token, logits)
        self.tokens.append(shown)
        if not self.is_beam:
            self.emit({"type": "tokens", "first": len(self.tokens) - 1, "tokens": [shown]})

    def look_up(self) -> bool:
        """Whether the answer shall end here."""
        if self.is_unwanted():
            self.ended_by = "cancelled"
        elif time.monotonic() - self.started > MOST_SECONDS:
            self.ended_by = "time"
        return bool(self.ended_by)

    def draft(self, tokens: list[int]) -> None:
        """The best beam so far: the next token may change all of it."""
        self.first_at = self.first_at or time.monotonic()
        self.emit({"type": "draft", "text": self._text(tokens)})

    def _weigh(self, written: list[int]) -> None:
        """Beams are judged as a whole; what each token of the best was worth is asked after."""
        whole = torch.tensor([self.prompt + written], device=self.loaded.model.device)
        with torch.no_grad():
            logits = self.loaded.model(whole, use_cache=False).logits[0]
        for place, token in enumerate(written):
            self.add(token, logits[len(self.prompt) + place - 1])

    def _shown(self, token: int, logits: Tensor) -> dict[str, Any]:
        chances = torch.softmax(logits.float(), -1)
        best = torch.topk(chances, min(OTHERS, len(chances)))
        text_of = self.loaded.text_of
        piece = self._stream.step(self.loaded.tokenizer.backend_tokenizer, token)
        shown: dict[str, Any] = {
            "text": (piece or "").replace("\0", "\ufffd"),
            "probability": round(float(chances[token]), 4),
            "others": [
                [text_of(other), round(chance, 4)]
                for other, chance in zip(best.indices.tolist(), best.values.tolist(), strict=True)
            ],
        }
        if self.decoding.get("spread"):
            shown["spread"] = spread(logits, text_of)
        return shown | ({"ends": True} if token in self.ends else {})

    def _text(self, tokens: list[int]) -> str:
        text = self.loaded.tokenizer.decode(tokens, skip_special_tokens=True)
        return str(text).replace("\0", "\ufffd")

    def _reason(self, written: list[int]) -> str:
        if written and written[-1] in self.ends:
            return "end"
        return "context" if self.most == self.room else "length"

    def _figures(self, count: int, seconds: float) -> dict[str, float]:
        first = self.first_at - self.started if self.first_at else seconds
        later = max(seconds - first, 1e-9)
        return {
            "prompt_tokens": len(self.prompt),
            "tokens": count,
            "first_token_seconds": round(first, 4),
            "seconds": round(seconds, 4),
            "tokens_per_second": round((count - 1) / later, 2) if count > 1 else 0.0,
        }


class _Step(StoppingCriteria):
    """Asked by `generate` after every token."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._is_over = False
        self._logits: Tensor | None = None

    def look(self, module: Any, inputs: Any, output: Any) -> None:
        """All answers share the model: only that of the holder of the turn is computed now."""
        if self._writing.loaded.turns.is_mine():
            self._logits = output.logits[0, -1]

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        writing = self._writing
        if not self._is_over:
            self._tell(input_ids)
        self._is_over = self._is_over or writing.look_up()
        if writing.loaded.turns.others_wait():
            self._pass_on(input_ids.device)
        return torch.full(input_ids.shape[:1], self._is_over, device=input_ids.device)

    def _tell(self, input_ids: Tensor) -> None:
        writing = self._writing
        written = input_ids[0, len(writing.prompt) :].tolist()
        if writing.is_beam:
            writing.draft(written)
            return
        assert self._logits is not None, "generate calls the model before it asks"
        writing.add(written[-1], self._logits)
        # On a GPU `generate` may look a few tokens late; what follows the end is cut off.
        self._is_over = written[-1] in writing.ends

    def _pass_on(self, device: torch.device) -> None:
        """The others draw random numbers as well; ours go on where they were."""
        if not self._writing.is_sampled:
            self._writing.loaded.turns.pass_on()
            return
        kept = _random_state(device)
        self._writing.loaded.turns.pass_on()
        _restore(device, kept)


def _random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _restore(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
