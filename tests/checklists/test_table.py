from llmhub.checklists import table
from llmhub.checklists.content import load
from ops.config import ROOT


def test_the_table_in_the_docs_is_what_the_content_says():
    """Where this fails: `manage.py checklist_table`, while a hub is up."""
    assert (ROOT / table.PATH).read_text(encoding="utf-8") == table.document()


def test_the_table_has_every_item_with_its_key_and_its_check():
    rows = [line.split(" | ") for line in table.document().splitlines() if line.startswith("| ")]
    found = [(cells[1], cells[3]) for cells in rows if cells[1].startswith("`")]
    items = [item for each in load() for item in each.content.items()]
    wanted = [(f"`{item.key}`", f"`{item.check}`" if item.check else "–") for item in items]
    assert sorted(found) == sorted(wanted)
    assert len(found) == 51
