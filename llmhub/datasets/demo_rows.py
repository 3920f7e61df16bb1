"""Questions about the standard library, answered by its own docstrings: rows for the demo data.

The sources are read and never imported. The same version of Python gives the same rows.
"""

from __future__ import annotations

import ast
import json
import re
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

Row = dict[str, str]

# Of a question and its answer. Small models read 128 tokens, which may be bytes, and the template
# takes some 20 of them.
MOST_CHARACTERS = 108
FEWEST_CHARACTERS = 20
# Of so many questions one is kept for the prompts, so that PPO asks what no answer was learned to.
PROMPT_EVERY = 5
# Modules by the name that people import them by; the same functions of another system are left
# out.
KNOWN_AS = {"posixpath": "os.path"}
LEFT_OUT = {"ntpath"}
# A first sentence, without the full stops of “e.g.” and “...”.
_SENTENCE = re.compile(r"[^.]+\.(?=\s|\Z)")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def instructions() -> str:
    return lines({"prompt": ask(name), "completion": answer} for name, answer in learned())


def preferences() -> str:
    """The planted preference: the answer, rather than its words from the last to the first."""
    return lines(
        {"prompt": ask(name), "chosen": answer, "rejected": " ".join(reversed(answer.split()))}
        for name, answer in learned()
    )


def prompts() -> str:
    return lines({"prompt": ask(name)} for name, _ in answered()[::PROMPT_EVERY])


def ask(name: str) -> str:
    return f"What does {name} do?"


def lines(rows: Iterator[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def learned() -> Iterator[tuple[str, str]]:
    for number, pair in enumerate(answered()):
        if number % PROMPT_EVERY:
            yield pair


@cache
def answered() -> list[tuple[str, str]]:
    """(dotted name, what it does) of the short ones, in the order of the modules."""
    pairs = [
        (name, sentence)
        for path in sorted(Path(sysconfig.get_path("stdlib")).glob("[a-z]*.py"))
        if path.stem not in LEFT_OUT
        for name, sentence in described(path)
    ]
    return [
        (name, sentence)
        for name, sentence in dict(pairs).items()
        if len(sentence) >= FEWEST_CHARACTERS and len(ask(name) + sentence) <= MOST_CHARACTERS
    ]


def described(path: Path) -> Iterator[tuple[str, str]]:
    """The public functions, classes and methods of a module with the first sentence of each."""
    module = KNOWN_AS.get(path.stem, path.stem)
    for definition in public(parsed(path).body):
        yield f"{module}.{definition.name}", first_sentence(definition)
        if isinstance(definition, ast.ClassDef):
            for method in public(definition.body):
                yield f"{module}.{definition.name}.{method.name}", first_sentence(method)


def parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def public(body: list[ast.stmt]) -> Iterator[Definition]:
    for statement in body:
        if isinstance(statement, Definition) and not statement.name.startswith("_"):
            yield statement


def first_sentence(definition: Definition) -> str:
    """In one line; empty where the first paragraph has no sentence of its own."""
    paragraph = (ast.get_docstring(definition) or "").strip().partition("\n\n")[0]
    found = _SENTENCE.match(" ".join(paragraph.split()))
    return found[0] if found else ""
