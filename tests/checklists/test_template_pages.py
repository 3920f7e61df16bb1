import html
import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope
from llmhub.checklists import changing_rule, changing_templates, templates
from llmhub.checklists.items import Content, Part
from llmhub.checklists.models import Guards, LaunchRule, TemplateChange
from llmhub.checklists.template_editor import Editor
from tests.accounts.conftest import signed_in
from tests.checklists.conftest import person
from tests.factories import make_item, make_template

pytestmark = pytest.mark.django_db

LIST = "/checklists/templates/"
NEW = f"{LIST}new/"
TRAINING = f"{LIST}before-training/"
RULE = "/checklists/rule/"


@pytest.fixture
def built_in():
    templates.sync()


@pytest.fixture
def eve(atlas):
    return person(atlas, "eve", Role.ADMIN)


@pytest.fixture
def as_dan(dan) -> Client:
    return signed_in(dan)


@pytest.fixture
def as_eve(eve) -> Client:
    return signed_in(eve)


@pytest.fixture
def as_cleo(cleo) -> Client:
    return signed_in(cleo)


@pytest.fixture
def as_ben(ben) -> Client:
    return signed_in(ben)


@pytest.fixture
def free(atlas):
    items = [make_item("one"), make_item("two")]
    return make_template(*items, project=atlas, slug="free", guards="").template


def text(answer) -> str:
    """What a reader sees, in one line."""
    page = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(html.unescape(page).split())


def posted(content: Content | None, guards: str = "", base: int = 1, **more) -> dict:
    """What the browser sends for an editor that nobody has touched, and what they change."""
    editor = Editor(content, guards, base=base)
    data: dict = {
        "base": str(base),
        "groups": [str(group.number) for group in editor.groups],
        "items": [
            f"{group.number}.{item.number}" for group in editor.groups for item in group.items
        ],
    }
    for form in editor.all_forms():
        for name in form.fields:
            value = form[name].value()
            if name == "depends":
                # In the order of the boxes.
                value = [str(part) for part in Part if str(part) in (value or [])]
            if value not in (None, False):
                data[form.add_prefix(name)] = value
    return data | more


def titles(answer) -> list[str]:
    return re.findall(r'name="item-\d+-title_en" value="([^"]*)"', answer.content.decode())


def queries(client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_list_names_what_guards_what(built_in, as_ben):
    page = text(as_ben.get(LIST))
    assert "Before a big training The launch of a big run 17 15 1 comes with the hub" in page
    assert "New template" not in page


def test_the_list_takes_as_many_queries_however_long_it_is(built_in, atlas, as_ben):
    as_ben.get(LIST)
    before = queries(as_ben, LIST)
    for name in ("one", "two"):
        make_template(project=atlas, slug=name, guards="")
    assert queries(as_ben, LIST) == before


def test_a_template_shows_its_items_in_the_language_of_the_page(built_in, as_ben):
    page = text(as_ben.get(TRAINING))
    assert "Licences are checked" in page
    assert "Signed by Approver" in page
    assert "Evidence not older than 24 hours" in page
    with translation.override("fr"):
        french = as_ben.get(TRAINING, headers={"Accept-Language": "fr"})
    assert "Les licences sont vérifiées" in text(french)


def test_old_versions_stay_and_say_what_changed(atlas, free, cleo, as_ben):
    content = free.latest().parsed.model_dump(mode="json")
    content["groups"][0]["items"][0]["waivable"] = False
    content["groups"][0]["items"].pop(1)
    new = Content.model_validate(content)
    changing_templates.edit(free, atlas, cleo, new, Guards.NOTHING, 1)
    page = text(as_ben.get(f"{LIST}free/"))
    assert "One May be waived yes no" in page
    assert "Two removed" in page
    old = text(as_ben.get(f"{LIST}free/?version=1"))
    assert "This is version 1, not the newest one." in old
    assert as_ben.get(f"{LIST}free/?version=3").status_code == 404


def test_a_history_takes_as_many_queries_however_long_it_is(atlas, free, cleo, as_ben):
    def change(key, number):
        items = [make_item(key)]
        group = {"key": "all", "title": {"en": "All"}, "items": items}
        new = Content.model_validate({"title": {"en": key}, "groups": [group]})
        changing_templates.edit(free, atlas, cleo, new, Guards.NOTHING, number)

    change("a", 1)
    as_ben.get(f"{LIST}free/")
    before = queries(as_ben, f"{LIST}free/")
    change("b", 2)
    change("c", 3)
    assert queries(as_ben, f"{LIST}free/") == before


def test_a_member_reads_and_an_approver_edits_what_guards_nothing(
    built_in, free, as_ben, as_cleo, as_dan
):
    assert as_ben.get(f"{LIST}free/edit/").status_code == 403
    assert as_cleo.get(f"{LIST}free/edit/").status_code == 200
    assert as_cleo.get(f"{TRAINING}edit/").status_code == 403
    assert as_dan.get(f"{TRAINING}edit/").status_code == 200


def test_an_editor_that_nobody_touched_says_that_nothing_changed(built_in, as_dan, atlas):
    (version,) = templates.guarding(atlas, Guards.LAUNCH)
    answer = as_dan.post(f"{TRAINING}edit/", posted(version.parsed, "launch"))
    assert answer.status_code == 422
    assert "Nothing was changed" in text(answer)


@pytest.mark.parametrize("slug", ["before-production", "security"])
def test_no_template_of_the_hub_changes_by_being_opened(built_in, as_dan, atlas, slug):
    version = templates.in_force(atlas).get(template__slug=slug)
    answer = as_dan.post(f"{LIST}{slug}/edit/", posted(version.parsed, "production"))
    assert "Nothing was changed" in text(answer)


def test_two_admins_change_what_guards_a_launch(built_in, as_dan, as_eve, atlas):
    (version,) = templates.guarding(atlas, Guards.LAUNCH)
    data = posted(version.parsed, "launch", **{"item-9-title_en": "There is a plan B"})
    answer = as_dan.post(f"{TRAINING}edit/", data, follow=True)
    assert "another admin has to confirm" in text(answer)
    assert "Title (en) There is a plan for backup and recovery There is a plan B" in text(answer)
    change = TemplateChange.objects.get()
    confirm = f"{LIST}changes/{change.pk}/confirm/"
    assert "another admin" in text(as_dan.post(confirm, follow=True))
    assert templates.guarding(atlas, Guards.LAUNCH) == [version]
    answer = as_eve.post(confirm, follow=True)
    assert "There is a plan B" in text(answer)
    assert "Dan, confirmed by Eve" in text(answer)
    assert "It began as version 1 of the template that comes with the hub." in text(answer)
    (now,) = templates.guarding(atlas, Guards.LAUNCH)
    assert (now.template.project, now.number) == (atlas, 1)


def test_the_only_admin_confirms_alone_and_the_page_says_so(built_in, as_dan, atlas):
    (version,) = templates.guarding(atlas, Guards.LAUNCH)
    data = posted(version.parsed, "launch", **{"item-9-title_en": "There is a plan B"})
    answer = as_dan.post(f"{TRAINING}edit/", data, follow=True)
    assert "You are the only admin of this project" in text(answer)
    change = TemplateChange.objects.get()
    answer = as_dan.post(f"{LIST}changes/{change.pk}/confirm/", follow=True)
    assert "confirmed by the only admin" in text(answer)


def test_whoever_confirms_sees_all_that_a_new_item_asks_for(built_in, as_dan, as_eve, atlas):
    (version,) = templates.guarding(atlas, Guards.LAUNCH)
    data = posted(version.parsed, "launch")
    data |= {"items": [*data["items"], "3.50"], "item-50-title_en": "Cooling holds",
             "item-50-how": "human", "item-50-depends": ["target"], "item-50-approver": "2",
             "item-50-waivable": "on", "item-50-help_en": "Feel it."}  # fmt: skip
    as_dan.post(f"{TRAINING}edit/", data)
    page = text(as_eve.get(TRAINING))
    assert "Cooling holds added" in page
    for fact in ("Feel it.", "Signed by 2 × Approver", "Depends on target machines"):
        assert fact in page


def test_a_change_is_withdrawn(built_in, as_dan, as_eve, atlas):
    (version,) = templates.guarding(atlas, Guards.LAUNCH)
    data = posted(version.parsed, "launch", **{"head-title_en": "Before"})
    as_dan.post(f"{TRAINING}edit/", data)
    change = TemplateChange.objects.get()
    answer = as_eve.post(f"{LIST}changes/{change.pk}/withdraw/", follow=True)
    assert "The change is withdrawn" in text(answer)
    again = as_eve.post(f"{LIST}changes/{change.pk}/withdraw/", follow=True)
    assert "already" in text(again)


@pytest.mark.parametrize(
    ("act", "order"),
    [
        ("down-item:0", ["Two", "One"]),
        ("up-item:1", ["Two", "One"]),
        ("up-item:0", ["One", "Two"]),
        ("down-item:1", ["One", "Two"]),
        ("remove-item:0", ["Two"]),
        ("remove-group:0", []),
        ("remove-item:7", ["One", "Two"]),
        ("nonsense", ["One", "Two"]),
    ],
)
def test_a_button_moves_or_removes_an_item(free, as_cleo, act, order):
    data = posted(free.latest().parsed, act=act)
    answer = as_cleo.post(f"{LIST}free/edit/", data)
    assert answer.status_code == 200
    assert titles(answer) == order
    assert free.versions.count() == 1


def test_a_button_adds_and_what_was_typed_stays_unjudged(free, as_cleo):
    typed = {"item-0-title_en": "Half a wor", "item-0-max_age_hours": "soon"}
    data = posted(free.latest().parsed, act="add-item:0", **typed)
    page = as_cleo.post(f"{LIST}free/edit/", data).content.decode()
    assert 'value="Half a wor"' in page
    assert 'value="soon"' in page
    assert "needs another look" not in page
    assert 'name="items" value="0.2"' in page
    data = posted(free.latest().parsed, act="add-group")
    page = as_cleo.post(f"{LIST}free/edit/", data).content.decode()
    assert 'name="groups" value="1"' in page
    assert 'name="items" value="1.2"' in page


def test_an_item_goes_over_into_the_next_group(free, as_cleo):
    data = posted(free.latest().parsed, act="add-group")
    data |= {"groups": ["0", "1"], "items": ["0.0", "0.1"], "act": "down-item:1"}
    page = as_cleo.post(f"{LIST}free/edit/", data).content.decode()
    assert 'name="items" value="1.1"' in page


def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost(free, as_cleo):
    typed = {
        "item-0-title_en": "",
        "item-0-how": "machine",
        "item-0-check": "",
        "item-1-depends": [],
        "item-1-max_age_hours": "soon",
        "item-1-help_en": "Kept",
    }
    answer = as_cleo.post(f"{LIST}free/edit/", posted(free.latest().parsed, **typed))
    assert answer.status_code == 422
    page = text(answer)
    for reason in (
        "Say it in one language at least.",
        "Choose a check, or let people decide.",
        "Nobody signs what a check alone decides.",
        "Choose at least one part.",
        "Enter a whole number.",
    ):
        assert page.count(reason) == 2, reason
    assert "Kept" in page
    assert free.versions.count() == 1


def test_a_group_has_at_most_nine_items_and_at_least_one(free, as_cleo):
    data = posted(free.latest().parsed)
    many = data | {"items": [f"0.{n}" for n in range(10)]}
    many |= {f"item-{n}-{name}": data[f"item-0-{name}"] for n in range(10) for name in (
        "title_en", "how", "depends", "member")}  # fmt: skip
    assert "from 1 to 9 items" in text(as_cleo.post(f"{LIST}free/edit/", many))
    none = data | {"items": []}
    assert "from 1 to 9 items" in text(as_cleo.post(f"{LIST}free/edit/", none))


def test_saving_makes_the_next_version(free, as_cleo):
    data = posted(free.latest().parsed, **{"item-1-approver": "2", "item-1-max_age_hours": "48"})
    answer = as_cleo.post(f"{LIST}free/edit/", data, follow=True)
    assert "Version 2 is saved." in text(answer)
    item = free.latest().parsed.item("two")
    assert [(signer.role, signer.count) for signer in item.signers] == [
        ("member", 1),
        ("approver", 2),
    ]
    assert item.max_age_hours == 48
    stale = as_cleo.post(f"{LIST}free/edit/", data | {"head-title_en": "Other"})
    assert "saved version 2 meanwhile" in text(stale)
    assert "Other" in stale.content.decode()


def test_an_approver_cannot_make_a_template_guard(free, as_cleo):
    data = posted(free.latest().parsed, **{"head-guards": "launch", "head-title_en": "Mine"})
    as_cleo.post(f"{LIST}free/edit/", data)
    free.refresh_from_db()
    assert free.guards == ""
    assert not TemplateChange.objects.exists()


def test_a_copy_and_a_new_one_guard_nothing(built_in, atlas, as_cleo):
    (version,) = templates.guarding(atlas, Guards.LAUNCH)
    assert len(titles(as_cleo.get(f"{NEW}?template=before-training"))) == 17
    answer = as_cleo.post(f"{NEW}?template=before-training", posted(version.parsed), follow=True)
    assert "guards nothing" in text(answer)
    assert templates.guarding(atlas, Guards.LAUNCH) == [version]
    data = posted(None, **{
        "head-title_en": "Mine", "group-0-title_fr": "Données", "item-0-title_en": "Read it",
        "item-0-depends": ["data"],
    })  # fmt: skip
    answer = as_cleo.post(NEW, data, follow=True)
    assert answer.redirect_chain[-1][0].startswith(f"{LIST}mine/")
    made = templates.in_force(atlas).get(template__slug="mine").parsed
    # What was said in one language only stands for English as well.
    assert made.groups[0].title == {"en": "Données", "fr": "Données"}
    assert (made.groups[0].key, made.items()[0].key) == ("donnees", "read-it")


def test_anybody_reads_the_rule_and_two_admins_change_it(built_in, atlas, as_ben, as_dan, as_eve):
    page = text(as_ben.get(RULE))
    assert "1 000 000 000" in page.replace("\u202f", " ").replace(",", " ")
    assert "Before a big training" in page
    assert as_ben.post(RULE, {"parameters": "5"}).status_code == 403
    wrong = as_dan.post(RULE, {"parameters": "many", "gpu_hours": "2"})
    assert wrong.status_code == 422
    assert 'value="many"' in wrong.content.decode()
    as_dan.post(RULE, {"parameters": "5000", "gpu_hours": ""})
    assert "another admin" in text(as_dan.post(f"{RULE}confirm/", follow=True))
    assert templates.rule(atlas).parameters == 10**9
    as_eve.post(f"{RULE}confirm/")
    rule = LaunchRule.objects.get(project=atlas)
    assert (rule.parameters, rule.gpu_hours) == (5000, None)


def test_a_proposed_rule_is_withdrawn(atlas, dan, as_dan):
    changing_rule.propose(atlas, dan, {"parameters": 5, "gpu_hours": 1.0})
    assert "You are the only admin" in text(as_dan.get(RULE))
    as_dan.post(f"{RULE}withdraw/")
    assert "waits to be confirmed" not in text(as_dan.get(RULE))


def test_a_script_reads_the_templates_in_force(built_in, atlas, dan, client):
    _, secret = tokens.create(dan, atlas, "ci", [Scope.READ], None)
    answer = client.get(
        "/api/v1/checklist-templates", headers={"Authorization": f"Bearer {secret}"}
    )
    found = {each["slug"]: each for each in json.loads(answer.content)}
    assert set(found) == {"before-training", "before-production", "security"}
    training = found["before-training"]
    assert (training["guards"], training["number"], training["is_built_in"]) == ("launch", 1, True)
    assert len(training["content"]["groups"]) == 4
