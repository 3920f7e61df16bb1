#!/usr/bin/env python3
"""Compare tests/reference/book.toml with the book: python3 tools/check_book.py appendix.fr.md

Names each term, research point, resource and line of the index that one of them has and the other
lacks, and ends with 1 if there is any. The book is not part of the project: the file is whoever's
has it. What the list says is then looked for in the content by tests/reference/test_book.py.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

LISTED = Path(__file__).parent.parent / "tests/reference/book.toml"

SECTION = re.compile(r"#{2,3} (12\.\d(?:\.\d)?|Index)\b")
BOLD = re.compile(r"\*\*(.+?)\*\* ?: ?(.*)")
BULLET = re.compile(r"- (.+)")
LINE_OF_INDEX = re.compile(r"- \*\*(.+?)\*\* → Partie ([\d.]+)")
LINK = re.compile(r"\[(.+?)\]\(\S+?\)")
# Between names on one line; not the slash of r/…
BETWEEN = re.compile(r",|\+|(?<!\br)/")


def sections(text):
    """(number, line) of each line that says something."""
    number = ""
    for line in map(str.strip, text.splitlines()):
        found = SECTION.match(line)
        if line.startswith("## ") or found:
            number = found[1] if found else ""
        elif line:
            yield number, line


def terms(lines):
    """What each says in the book, by name."""
    found = (BOLD.match(line) for number, line in lines if number == "12.1")
    return {match[1]: match[2] for match in found if match}


def points(lines):
    """Headings and bullets, each with its section."""
    for number, line in lines:
        found = BOLD.match(line) or BULLET.match(line)
        if number.startswith("12.4.") and found:
            yield number, found[1]


def resources(lines):
    for number, line in lines:
        found = BULLET.match(line)
        if number.startswith("12.5.") and found:
            link = LINK.match(found[1])
            yield from [link[1]] if link else names(found[1])


def names(line):
    without_notes = re.sub(r"\(.*?\)", "", line)
    return [name.strip() for name in BETWEEN.split(without_notes)]


def index(lines):
    for number, line in lines:
        found = LINE_OF_INDEX.match(line)
        if number == "Index" and found:
            yield f"{found[1]} → {found[2]}"


def says(facts, text):
    text = re.sub(r"\s+", " ", text).replace("’", "'")
    return all(re.search(fact, text, re.IGNORECASE) for fact in facts)


def compare(text, listed):
    """(what, whether the book has it, whether the list has it) of each line of both."""
    lines = list(sections(text))
    definitions = terms(lines)
    yield from compare_names("term", definitions, [one["name"] for one in listed["terms"]])
    yield from compare_facts(definitions, listed["terms"])
    yield from compare_points(list(points(lines)), listed["points"])
    ours = [one["name"] for one in listed["resources"]]
    yield from compare_names("resource", list(resources(lines)), ours)
    ours = [f"{one['name']} → {one['part']}" for one in listed["index"]]
    yield from compare_names("index", list(index(lines)), ours)


def compare_names(kind, theirs, ours):
    for name in dict.fromkeys([*theirs, *ours]):
        yield f"{kind} {name}", name in theirs, name in ours


def compare_facts(definitions, ours):
    """What the list lets a term say has to be what the book says of it."""
    for one in ours:
        text = f"{one['name']} {definitions.get(one['name'], '')}"
        for fact in one["fr"] if one["name"] in definitions else ():
            yield f"fact of {one['name']}: {fact}", says([fact], text), True


def compare_points(theirs, ours):
    """A point is listed where all the facts of one of ours stand in it."""
    found = {}
    for section, text in theirs:
        of_section = [one for one in ours if one["section"] == section and id(one) not in found]
        match = next((one for one in of_section if says(one["fr"], text)), None)
        found |= {id(match): match} if match else {}
        yield f"point {section} {text}", True, match is not None
    for one in ours:
        if id(one) not in found:
            yield f"point {one['section']} {one['says']}", False, True


def main():
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("appendix", type=Path)
    text = arguments.parse_args().appendix.read_text(encoding="utf-8")
    listed = tomllib.loads(LISTED.read_text(encoding="utf-8"))
    compared = list(compare(text, listed))
    for what, in_book, in_list in compared:
        if not in_list:
            print(f"not listed: {what}")
        if not in_book:
            print(f"not in the book: {what}")
    wrong = sum(not (in_book and in_list) for _what, in_book, in_list in compared)
    print(f"{len(compared)} lines compared, {wrong} missing on either side")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
