"""Finds texts for people that no translator would ever see.

Templates: text and spoken attributes outside `{% translate %}`. Scripts: literals that read like
a sentence outside `gettext`. Python: labels and messages that are plain strings.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser

from ops.config import ROOT

NAMES = {"SHA", "llmhub"}
WORD = re.compile(r"[^\W\d_]{2,}")

# A tag is replaced by as many line breaks as it had: line numbers stay right.
BLOCKS = re.compile(
    r"{%\s*(comment|blocktranslate|verbatim)\b.*?{%\s*end\1\s*%}"
    r"|{% block wide %}.*?{% endblock %}",  # the name of a CSS class
    re.DOTALL,
)
TAGS = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
SPOKEN = {"alt", "aria-description", "aria-label", "placeholder", "title"}
NOT_FOR_READING = {"code", "kbd", "pre", "script", "style", "svg"}

LITERAL = re.compile(
    r"""(\w+)?(\(\s*)?("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)"""
)
SENTENCE = re.compile(r"[A-Z][a-z]+(?: [\w{}$.,']+)+")
COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", re.DOTALL)
NOT_SHOWN = {"gettext", "ngettext", "pgettext", "Error", "TypeError", "RangeError", "warn"}

LABELS = {"empty_label", "help_text", "label", "verbose_name", "verbose_name_plural"}
SAYING = {"ValidationError", "debug", "error", "info", "success", "warning"}

Finding = tuple[int, str]


def in_template(source: str) -> Iterator[Finding]:
    reader = TemplateReader()
    without_blocks = BLOCKS.sub(_blank, source)
    reader.feed(TAGS.sub(_blank, without_blocks))
    yield from reader.found


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n") + " "


class TemplateReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Finding] = []
        self.closed_to_readers: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in NOT_FOR_READING:
            self.closed_to_readers.append(tag)
        for name, value in attributes:
            if name in SPOKEN:
                self._check(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.closed_to_readers:
            self.closed_to_readers.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self.closed_to_readers:
            self._check(data)

    def _check(self, text: str) -> None:
        if any(word not in NAMES for word in WORD.findall(text)):
            self.found.append((self.getpos()[0], " ".join(text.split())))


def in_script(source: str) -> Iterator[Finding]:
    code = COMMENT.sub(_blank, source)
    for match in LITERAL.finditer(code):
        function, call, literal = match.groups()
        if SENTENCE.match(literal[1:-1]) and not (call and function in NOT_SHOWN):
            yield code.count("\n", 0, match.start()) + 1, literal


def in_python(source: str) -> Iterator[Finding]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            shown = [word.value for word in node.keywords if word.arg in LABELS]
            shown += node.args[:2] if _says(node.func) else []
            yield from ((text.lineno, ast.unparse(text)) for text in shown if _is_plain(text))


def _says(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        owner = function.value
        return isinstance(owner, ast.Name) and owner.id == "messages" and function.attr in SAYING
    return isinstance(function, ast.Name) and function.id == "ValidationError"


def _is_plain(text: ast.expr) -> bool:
    if isinstance(text, ast.JoinedStr):
        return True
    return isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value


READERS = {
    "templates/**/*.html": in_template,
    "static/js/**/*.js": in_script,
    "llmhub/**/*.py": in_python,
}


def main() -> int:
    count = 0
    for pattern, reader in READERS.items():
        for path in sorted(ROOT.glob(pattern)):
            if "migrations" in path.parts:
                continue
            for line, text in reader(path.read_text()):
                print(f"{path.relative_to(ROOT)}:{line}: not translated: {text}")
                count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
