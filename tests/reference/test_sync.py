from __future__ import annotations

import pytest
from django.core.management import call_command

from llmhub.reference.content import BadContent, load
from llmhub.reference.entries import Kind
from llmhub.reference.gaps import gaps
from llmhub.reference.models import Entry
from llmhub.reference.sync import sync

ENGLISH = "---\ntitle: Loss\nshort: What training minimises.\nsee: [nothing]\n---\nIt is $x$.\n"
FRENCH = "---\ntitle: Perte\nshort: Ce que l’entraînement minimise.\n---\nC’est $x$.\n"


@pytest.fixture
def folder(tmp_path):
    for kind in Kind:
        (tmp_path / kind).mkdir()
    (tmp_path / "glossary/loss.en.md").write_text(ENGLISH)
    (tmp_path / "glossary/loss.fr.md").write_text(FRENCH)
    return tmp_path


@pytest.mark.django_db
def test_every_file_is_a_row_and_a_second_start_changes_nothing():
    call_command("sync_reference")
    assert Entry.objects.filter(slug="perplexity").count() == 2
    assert sync() == 0


@pytest.mark.django_db
def test_a_changed_text_is_brought_up_to_date_and_a_removed_file_goes(folder):
    sync(load(folder))
    (folder / "glossary/loss.en.md").write_text(ENGLISH.replace("minimises", "lowers"))
    (folder / "glossary/loss.fr.md").unlink()
    assert sync(load(folder)) == 2
    assert [row.short for row in Entry.objects.all()] == ["What training lowers."]


def test_gaps_are_named(folder):
    (folder / "glossary/loss.fr.md").unlink()
    found = sorted(gaps(load(folder)))
    assert found == [
        "glossary/loss: says nothing in “fr”",
        "glossary/loss: there is no glossary/nothing",
    ]


@pytest.mark.parametrize("text", ["---\n: [\n---\n", "---\ntitle: x\n---\n", "---\ncolour: 1\n---"])
def test_a_file_that_cannot_be_read_is_named(folder, text):
    (folder / "glossary/loss.fr.md").write_text(text)
    with pytest.raises(BadContent, match=r"loss\.fr\.md"):
        load(folder)
