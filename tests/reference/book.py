"""Looks for each line of book.toml in the content of the reference."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from llmhub.reference import markup
from llmhub.reference.content import Library
from llmhub.reference.entries import Entry, Kind, Text

LISTED = Path(__file__).parent / "book.toml"
LANGUAGES = ("en", "fr")
# The book points to a list of papers that stands elsewhere; ours holds at least so many.
FEWEST_PAPERS = 25


def listed(path: Path = LISTED) -> dict[str, list[dict]]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def missing_terms(lines: list[dict], library: Library) -> Iterator[str]:
    for line in lines:
        entry = library[Kind.TERM].get(line["slug"])
        if entry is None:
            yield f"{line['name']}: there is no glossary/{line['slug']}"
            continue
        if entry.facts.book != line["name"]:
            yield f"{line['name']}: glossary/{line['slug']} says “book: {entry.facts.book}”"
        yield from missing_facts(line, entry)


def missing_points(lines: list[dict], library: Library) -> Iterator[str]:
    for line in lines:
        entry = library[Kind.TRACK].get(line["track"])
        where = f"{line['section']} “{line['says']}”"
        if entry is None or entry.facts.book != line["section"]:
            yield f"{where}: there is no tracks/{line['track']} with this section"
            continue
        for language in LANGUAGES:
            if not any(said(line[language], one) for one in paragraphs(entry.texts.get(language))):
                yield f"{where}: no paragraph in “{language}” says {line[language]}"


def missing_resources(lines: list[dict], library: Library) -> Iterator[str]:
    for line in lines:
        entry = library[Kind.RESOURCE].get(line["slug"])
        if entry is None:
            yield f"{line['name']}: there is no resources/{line['slug']}"
            continue
        told = (entry.facts.book, entry.facts.purpose, bare(entry.facts.url))
        wanted = (line["section"], line["purpose"], line["address"])
        if told != wanted:
            yield f"{line['name']}: {told} instead of {wanted}"
        if key(line["name"]) not in names(entry):
            yield f"{line['name']}: resources/{line['slug']} has another name"
        yield from missing_facts(line, entry)


def missing_index(lines: list[dict], library: Library) -> Iterator[str]:
    for line in lines:
        entry = library[Kind.CONCEPT].get(line["slug"])
        if entry is None or key(line["name"]) not in names(entry):
            yield f"{line['name']}: there is no concepts/{line['slug']} of this name"
        elif entry.facts.book != line["part"]:
            yield f"{line['name']}: part {entry.facts.book} instead of {line['part']}"


def missing_papers(library: Library) -> Iterator[str]:
    papers = [one for one in library[Kind.RESOURCE].values() if one.facts.purpose == "paper"]
    if len(papers) < FEWEST_PAPERS:
        yield f"only {len(papers)} papers"
    for paper in papers:
        if not (paper.facts.authors and paper.facts.year):
            yield f"{paper.slug}: by whom, and when?"


def missing_facts(line: dict, entry: Entry) -> Iterator[str]:
    for language in LANGUAGES:
        whole = "\n".join(paragraphs(entry.texts.get(language)))
        lacking = [fact for fact in line.get(language, ()) if not said([fact], whole)]
        if lacking:
            yield f"{line['name']}: {entry.kind}/{entry.slug}.{language}.md does not say {lacking}"


@cache
def paragraphs(text: Text | None) -> list[str]:
    """Each with one kind of space and apostrophe, whatever a language's typography wants."""
    if text is None:
        return []
    found = [text.title, text.short, ", ".join(text.aliases), *markup.plain(text.body).split("\n")]
    return [re.sub(r"\s+", " ", one).replace("’", "'") for one in found]


def said(facts: list[str], text: str) -> bool:
    return all(re.search(fact, text, re.IGNORECASE) for fact in facts)


def names(entry: Entry) -> set[str]:
    texts = entry.texts.values()
    return {key(name) for text in texts for name in (text.title, *text.aliases)}


def key(name: str) -> str:
    return re.sub(r"[\s’'-]", "", name).casefold()


def bare(address: str) -> str:
    return address.partition("://")[2].rstrip("/")
