"""The first datasets of a new hub, from what every machine with Python has: two real texts, and
rows for each way to align a model."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from platform import python_version

from django.db import connection, transaction

from llmhub.accounts.models import Project
from llmhub.datasets import demo_rows, imports
from llmhub.datasets.models import Seeded
from llmhub.datasets.services import named

LICENCE = "PSF-2.0"
MAX_SOURCE_BYTES = 5_000_000
SEPARATOR = "\n\n"
# Any number that no other lock of this database uses; two hubs that start at once take turns.
DEMO_LOCK = 0x6C6C6D02


@dataclass(frozen=True)
class Demo:
    name: str
    description: str
    source: str
    file: str
    text: Callable[[], str]


def documentation_topics() -> str:
    """What `help()` answers to the name of a keyword or a concept."""
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some distributions leave it out
        return ""
    return SEPARATOR.join(topics[name].strip() for name in sorted(topics)) + "\n"


def library_sources() -> str:
    """The modules of the standard library in the order of their names, up to a size."""
    texts: list[str] = []
    room = MAX_SOURCE_BYTES
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = read_source(path)
        room -= len(text.encode()) + len(SEPARATOR)
        if room < 0:
            break
        texts.append(text)
    return SEPARATOR.join(texts)


def read_source(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").replace("\0", "")
    except (OSError, UnicodeDecodeError):
        return ""


TEXTS = (
    Demo(
        "Python documentation topics",
        "The reference of the Python language, as the interpreter's own help shows it.",
        "pydoc_data.topics",
        "python-topics.txt",
        documentation_topics,
    ),
    Demo(
        "Python standard library sources",
        "The modules of the standard library, one after the other.",
        "Lib/*.py",
        "python-library.txt",
        library_sources,
    ),
)
ROWS = (
    Demo(
        "Demo instructions",
        "Questions about functions and classes of the standard library, each answered with the "
        "first sentence of its docstring. Short, so that small models can read them.",
        "docstrings of Lib/*.py",
        "demo-instructions.jsonl",
        demo_rows.instructions,
    ),
    Demo(
        "Demo preferences",
        "A planted preference, to see a model learn one: the preferred answer is the first "
        "sentence of the docstring, the rejected one the same words in reverse order. The "
        "questions are those of “Demo instructions”.",
        "docstrings of Lib/*.py",
        "demo-preferences.jsonl",
        demo_rows.preferences,
    ),
    Demo(
        "Demo prompts",
        "Questions of the same kind without answers. None of them is in “Demo instructions” or "
        "“Demo preferences”.",
        "docstrings of Lib/*.py",
        "demo-prompts.jsonl",
        demo_rows.prompts,
    ),
)
# Each put in once: a hub that has the texts from an earlier release still gets the rows.
GROUPS = {"demo-datasets": TEXTS, "demo-rows": ROWS}


@transaction.atomic
def create_once(project: Project) -> int:
    """Registers the demo data unless that was done before; says how many there are now."""
    done = Seeded.objects.filter(name__in=GROUPS).count()
    if done == len(GROUPS):
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DEMO_LOCK])
    return sum(create(project, demo) for name in GROUPS for demo in put_in_now(name))


def put_in_now(group: str) -> tuple[Demo, ...]:
    """The demos of a group, for the one who comes first."""
    _, is_first = Seeded.objects.get_or_create(name=group)
    return GROUPS[group] if is_first else ()


def create(project: Project, demo: Demo) -> bool:
    text = demo.text()
    if not text or named(project, demo.name):
        return False
    facts = {
        "name": demo.name,
        "source": f"Python {python_version()}, {demo.source}",
        "licence": LICENCE,
        "description": demo.description,
    }
    imports.bring(project, None, facts, demo.file, text.encode())
    return True
