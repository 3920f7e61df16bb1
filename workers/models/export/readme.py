"""What goes along with the files: where they are from, what they are worth, how they are served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmhub.lib import serving
from llmhub.lib.export_forms import Form

NAME = "README.md"
UNKNOWN = "unknown"


def write(place: Path, form: Form, values: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    (place / NAME).write_text("\n".join(lines(form, values, found)) + "\n")


def lines(form: Form, values: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {values['title']}, {form}"
    yield ""
    yield f"- Licence: {values['licence'] or UNKNOWN}"
    yield f"- Made from the registered files with the manifest {values['manifest_sha256']}"
    yield f"- Perplexity on {found['tokens']} tokens of {found['rows']}, which it was not trained"
    yield f"  on: {number(found['export'])}; of the original: {number(found['original'])}"
    same = f"{100 * found['same_choice']:.2f} %"
    yield f"- The likeliest next token is that of the original at {same} of them"
    yield ""
    yield "To serve it, beside this folder:"
    yield ""
    for command in serving.commands(form, values["name"], values["folder_name"]):
        yield f"    {command.line}"


def number(figures: Mapping[str, float | None]) -> str:
    perplexity = figures["perplexity"]
    return UNKNOWN if perplexity is None else f"{perplexity:.4f}"
