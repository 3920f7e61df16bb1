"""How a row becomes what a model reads: segments of text, and which of them it learns to write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from llmhub.lib.rows.kinds import Kind, Message, Row, conversation

TEMPLATES = ("chatml", "plain")
END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"


@dataclass(frozen=True)
class Segment:
    """`special`: the text is one token of its own. `loss`: the model learns to write it.

    Text of people is never special, whatever it says: it has to be encoded as text.
    """

    text: str
    special: bool = False
    loss: bool = False


# A sequence. Texts beside each other would be one text for a tokenizer: none are, but where the
# loss begins, which is also where a model begins to write.
Segments = list[Segment]


def special_tokens(template: str) -> tuple[str, ...]:
    return (END_OF_TEXT, TURN_START, TURN_END) if template == "chatml" else (END_OF_TEXT,)


def render(kind: Kind, row: Row, template: str) -> list[Segments]:
    """The sequences of a row: [chosen, rejected] for a preference, one for the other kinds.

    Prompts without an answer end where the model has to write it.
    """
    if kind is Kind.TEXT:
        return [_written(row["text"], END_OF_TEXT)]
    if kind is Kind.CHAT:
        return [_joined(_TURNS[template](row["messages"]))]
    prompt = [replace(part, loss=False) for part in _PROMPTS[template](conversation(kind, row))]
    if kind is Kind.PROMPTS:
        return [_joined(prompt)]
    end = TURN_END if template == "chatml" else END_OF_TEXT
    return [_joined([*prompt, *_written(answer, end)]) for answer in _answers(row)]


def as_text(kind: Kind, row: Row) -> str:
    """All that a row says, as one string."""
    return "\n\n".join(texts(kind, row))


def texts(kind: Kind, row: Row) -> list[str]:
    """All that a row says, in the order in which it is read."""
    if kind is Kind.TEXT:
        return [row["text"]]
    turns = [message["content"] for message in conversation(kind, row)]
    return turns + _answers(row)


def _answers(row: Row) -> list[str]:
    return [row[field] for field in ("completion", "chosen", "rejected") if field in row]


def _written(text: str, end: str) -> Segments:
    """What the model learns to write: a text, and that it is over."""
    written = [Segment(text, loss=True)] if text else []
    return [*written, Segment(end, special=True, loss=True)]


def _chatml_turns(messages: Iterable[Message]) -> Iterator[Segment]:
    """The format of OpenAI's chat markup language."""
    for message in messages:
        yield Segment(TURN_START, special=True)
        if message["role"] == "assistant":
            yield Segment("assistant\n")
            yield from _written(message["content"], TURN_END)
        else:
            yield Segment(f"{message['role']}\n{message['content']}")
            yield Segment(TURN_END, special=True)
        yield Segment("\n")


def _chatml_prompt(messages: list[Message]) -> Segments:
    start = Segment(TURN_START, special=True)
    return [*_chatml_turns(messages), start, Segment("assistant\n")]


def _plain_turns(messages: Iterable[Message]) -> Iterator[Segment]:
    for message in messages:
        yield Segment(f"{message['role'].capitalize()}: ")
        if message["role"] == "assistant":
            yield from _written(message["content"], END_OF_TEXT)
            yield Segment("\n\n")
        else:
            yield Segment(message["content"] + "\n\n")


def _plain_prompt(messages: list[Message]) -> Segments:
    """Roles are named only where somebody spoke before."""
    if any(message["role"] == "assistant" for message in messages):
        return [*_plain_turns(messages), Segment("Assistant: ")]
    return [Segment("".join(message["content"] + "\n\n" for message in messages))]


_TURNS: dict[str, Callable[[Iterable[Message]], Iterator[Segment]]] = {
    "chatml": _chatml_turns,
    "plain": _plain_turns,
}
_PROMPTS: dict[str, Callable[[list[Message]], Segments]] = {
    "chatml": _chatml_prompt,
    "plain": _plain_prompt,
}


def _joined(segments: Iterable[Segment]) -> Segments:
    """Joins texts beside each other that are alike, as one who writes on a prompt reads them."""
    joined: Segments = []
    for segment in segments:
        last = joined[-1] if joined else None
        if last and not segment.special and not last.special and last.loss == segment.loss:
            joined[-1] = Segment(last.text + segment.text, loss=last.loss)
        else:
            joined.append(segment)
    return joined
