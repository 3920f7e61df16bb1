"""Whether the content of the reference holds all that the book's appendix says."""

import copy
import subprocess
import sys

import pytest

from llmhub.reference import markup
from llmhub.reference.content import library
from ops.config import ROOT
from tests.reference import book

KINDS = {
    "terms": book.missing_terms,
    "points": book.missing_points,
    "resources": book.missing_resources,
    "index": book.missing_index,
}
# So many lines has the book; a list that lost some would miss nothing.
COUNTS = {"terms": 55, "points": 45, "resources": 32, "index": 17}

APPENDIX = """
## 12.1 Glossaire
**Adapter** : Un module léger sur un modèle de base figé (LoRA).
**Gadget** : Un mot de plus.
## 12.2 Recettes
**Not a term** : it stands elsewhere.
## 12.4 Pistes
### 12.4.1 Architectures
**À surveiller** :
- RWKV, un RNN parallélisé
- Des ordinateurs quantiques
## 12.5 Ressources
### 12.5.2 Bibliothèques
**Inférence** :
- vLLM, GadgetServer
- [Fast.ai](https://www.fast.ai/) - un cours
## Index des concepts
- **DPO** → Partie 7.4
- **LoRA** → Partie 1.1
"""


@pytest.mark.parametrize("kind", KINDS)
def test_every_line_of_the_book_is_in_the_reference(kind):
    missing = list(KINDS[kind](book.listed()[kind], library()))
    assert not missing, "\n" + "\n".join(missing)


def test_the_papers_that_the_book_only_points_to_are_here():
    assert not list(book.missing_papers(library()))


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_is_whole(kind):
    assert len(book.listed()[kind]) == COUNTS[kind]


@pytest.mark.parametrize(
    ("kind", "change", "named"),
    [
        ("terms", {"slug": "gadget"}, "there is no glossary/gadget"),
        ("terms", {"name": "Gadget"}, "says “book: Adapter”"),
        ("terms", {"fr": ["léger", "gadget"]}, "adapter.fr.md does not say ['gadget']"),
        ("points", {"section": "12.4.9"}, "12.4.9"),
        # Both are said, and not in one paragraph.
        ("points", {"en": ["paper on Mamba reports", "RWKV"]}, "no paragraph in “en”"),
        ("resources", {"address": "example.org"}, "instead of"),
        ("resources", {"fr": ["gadget"]}, "does not say ['gadget']"),
        ("index", {"part": "1.1"}, "part 7 instead of 1.1"),
        ("index", {"name": "Gadget"}, "Gadget"),
    ],
)
def test_what_is_missing_is_named(kind, change, named):
    line = copy.deepcopy(book.listed()[kind][0]) | change
    assert named in "\n".join(KINDS[kind]([line], library()))


def test_the_words_of_two_lines_stay_two_words():
    assert markup.plain("one\ntwo\n\n- three") == "one two\nthree"


def test_what_the_list_lacks_of_the_book_is_named(tmp_path):
    path = tmp_path / "appendix.md"
    path.write_text(APPENDIX, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "tools/check_book.py", path], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    not_listed = [line for line in done.stdout.splitlines() if line.startswith("not listed: ")]
    assert not_listed == [
        "not listed: term Gadget",
        "not listed: point 12.4.1 Des ordinateurs quantiques",
        "not listed: resource GadgetServer",
        "not listed: index LoRA → 1.1",
    ]
    assert "not in the book: term Alignment" in done.stdout
