"""The runs table by the keyboard and the mouse, in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.hub import RunningHub

MADE = """
from llmhub.accounts.models import Project, User
from llmhub.datasets.models import DatasetVersion
from llmhub.recipes.models import RecipeVersion
from llmhub.runs.models import Run
project = Project.objects.first()
recipe = RecipeVersion.objects.filter(recipe__slug="gpt2-125m").first()
data = DatasetVersion.objects.filter(dataset__project=project).first()
for number in range(4):
    Run.objects.create(
        project=project, name=f"table {number}", objective="pretrain", recipe_version=recipe,
        scale="smoke", config=recipe.spec, dataset_version=data, total_steps=10, step=10,
        state="failed" if number % 2 else "stopped",
    )
"""


def test_the_filter_completes_by_the_keyboard_and_marks_what_is_wrong(
    page: Page, hub: RunningHub
) -> None:
    hub.manage("shell", "-c", MADE)
    page.goto(f"{hub.url}/runs/")
    field = page.get_by_role("combobox", name="Filter")
    field.click()
    expect(page.get_by_role("option").first).to_be_visible()
    field.press_sequentially("sta")
    # “started” is there too: Tab takes the one that is marked.
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_contain_text("state")
    page.keyboard.press("Tab")
    expect(field).to_have_value("state ")
    field.press_sequentially("= fail")
    page.keyboard.press("Tab")
    expect(field).to_have_value("state = failed ")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    field.press_sequentially("and name ~ table")
    expect(page.locator("tbody tr")).to_have_count(2)
    assert "filter=state" in page.url
    field.fill("state = faild and name ~ table")
    expect(page.get_by_role("alert")).to_contain_text("failed")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("alert").get_by_role("button", name="failed").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(field).to_have_value("state = failed and name ~ table")


def test_rows_are_chosen_with_shift_tagged_and_untagged_again(page: Page, hub: RunningHub) -> None:
    hub.manage("shell", "-c", MADE)
    page.goto(f"{hub.url}/runs/?filter=name+~+table&sort=id")
    boxes = page.locator("tbody input[name=runs]")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    bar = page.locator("#chosen-form")
    expect(bar.locator("[data-count]")).to_have_text("3 runs chosen")
    bar.get_by_placeholder("Tag").fill("shiny")
    bar.get_by_role("button", name="Add tag").click()
    expect(page.locator("#runs-said")).to_contain_text("3 runs have the tag “shiny”.")
    expect(page.locator("tbody .badge", has_text="shiny")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("tbody .badge", has_text="shiny")).to_have_count(0)


def test_columns_are_put_in_order_by_the_keyboard(page: Page, hub: RunningHub) -> None:
    hub.manage("shell", "-c", MADE)
    page.goto(f"{hub.url}/runs/?columns=state,created,id")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Move id").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.get_by_role("button", name="Hide created").click()
    page.get_by_label("Add a column").fill("config.training.seed")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show", exact=True).click()
    heads = page.locator("thead th[data-column]")
    expect(heads).to_have_text(["Run", "Number", "State", "seed"])
    assert "columns=id,state,config.training.seed" in page.url
