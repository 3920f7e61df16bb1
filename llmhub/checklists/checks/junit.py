"""Results of tests as JUnit writes them, read without a trust in whoever sent them.

expat is told to refuse every declaration of a document type: an entity cannot expand where none can
be declared.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from llmhub.checklists.evidence import place_of

if TYPE_CHECKING:
    from llmhub.checklists.models import Evidence

MOST_BYTES = 32 * 2**20
MOST_DEPTH = 30
NAME_CHARACTERS = 200
ROOTS = frozenset({"testsuites", "testsuite"})
BROKEN = frozenset({"failure", "error"})
# Names of properties in which a tool may say it.
COMMITS = frozenset({"commit", "git.commit", "git_commit", "vcs.revision"})


class NotJUnit(ValueError):
    """Why it cannot be read."""


@dataclass
class Totals:
    """Counted case by case: what a suite says of itself may be anything."""

    tests: int = 0
    broken: int = 0
    skipped: int = 0
    first_broken: str = ""
    commit: str = ""

    @property
    def ran(self) -> int:
        return self.tests - self.skipped

    def as_json(self) -> dict[str, Any]:
        return {"tests": self.tests, "failed": self.broken, "skipped": self.skipped}


@dataclass
class Reader:
    totals: Totals = field(default_factory=Totals)
    path: list[str] = field(default_factory=list)
    case: str = ""
    # What the case that is being read was found to be.
    marks: set[str] = field(default_factory=set)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.path and name not in ROOTS:
            raise NotJUnit(f"it begins with <{name[:40]}>")
        self.path.append(name)
        if len(self.path) > MOST_DEPTH:
            raise NotJUnit("it is nested too deep")
        if name == "testcase":
            self.marks.clear()
            told = (attributes.get("classname"), attributes.get("name"))
            self.case = ".".join(filter(None, told))[:NAME_CHARACTERS]
        elif name == "property" and attributes.get("name", "").lower() in COMMITS:
            self.totals.commit = attributes.get("value", "")[:NAME_CHARACTERS]
        elif "testcase" in self.path:
            self.marks.add(name)

    def end(self, name: str) -> None:
        self.path.pop()
        if name == "testcase":
            self.count()

    def count(self) -> None:
        self.totals.tests += 1
        if self.marks & BROKEN:
            self.totals.broken += 1
            self.totals.first_broken = self.totals.first_broken or self.case
        elif "skipped" in self.marks:
            self.totals.skipped += 1


def read(content: bytes) -> Totals:
    """Raises NotJUnit."""
    if len(content) > MOST_BYTES:
        raise NotJUnit(f"it has more than {MOST_BYTES} bytes")
    reader = Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise NotJUnit(str(error)) from error
    return reader.totals


def refuse(*declared: Any) -> int:
    raise NotJUnit("it declares a document type or an entity")


def content_of(evidence: Evidence) -> bytes:
    """Raises NotJUnit where the file is gone."""
    try:
        return place_of(evidence.file_sha256).read_bytes()
    except OSError as error:
        raise NotJUnit(f"the file cannot be read: {error.strerror}") from error
