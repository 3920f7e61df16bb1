"""Two real texts that every machine with Python has: the first datasets of a new hub."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from platform import python_version

from django.db import connection, transaction

from llmhub.accounts.models import Project
from llmhub.datasets import imports
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


DEMOS = (
    Demo(
        "Python documentation topics",
        "The reference of the Python language, as the interpreter's own help shows it.",
        "pydoc_data.topics",
        "python-topics",
        documentation_topics,
    ),
    Demo(
        "Python standard library sources",
        "The modules of the standard library, one after the other.",
        "Lib/*.py",
        "python-library",
        library_sources,
    ),
)


@transaction.atomic
def create_once(project: Project) -> int:
    """Registers the demo texts unless that was done before; says how many there are now."""
    if Seeded.objects.filter(name="demo-datasets").exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DEMO_LOCK])
    _, is_first = Seeded.objects.get_or_create(name="demo-datasets")
    return sum(create(project, demo) for demo in DEMOS) if is_first else 0


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
    imports.bring(project, None, facts, f"{demo.file}.txt", text.encode())
    return True
