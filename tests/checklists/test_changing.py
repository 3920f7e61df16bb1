import pytest

from llmhub.accounts import services
from llmhub.accounts.models import AuditEntry, Membership, Role
from llmhub.checklists import changing_rule, changing_templates, templates
from llmhub.checklists.items import Content
from llmhub.checklists.models import Guards, Template, TemplateChange, TemplateVersion
from llmhub.runs.said import Refused
from tests.checklists.conftest import person
from tests.factories import make_item, make_project, make_template

pytestmark = pytest.mark.django_db

LAUNCH = Guards.LAUNCH
NOTHING = Guards.NOTHING


@pytest.fixture
def eve(atlas):
    """A second admin."""
    return person(atlas, "eve", Role.ADMIN)


@pytest.fixture
def ours(atlas) -> Template:
    """The project's own template, which guards launches."""
    return make_template(make_item("one"), project=atlas, slug="ours").template


@pytest.fixture
def free(atlas) -> Template:
    return make_template(make_item("one"), project=atlas, slug="free", guards=NOTHING).template


def content_of(*keys: str, title: str = "Ours") -> Content:
    group = {"key": "all", "title": {"en": "All"}, "items": [make_item(key) for key in keys]}
    return Content.model_validate({"title": {"en": title}, "groups": [group]})


def numbers(template: Template) -> list[int]:
    return [version.number for version in template.versions.all()]


def acts(project) -> list[tuple[int, dict]]:
    rows = AuditEntry.objects.filter(project=project).order_by("number")
    return [(row.user_id, {"act": row.act} | row.data) for row in rows]


def change(template, project, user, content, guards=LAUNCH, base=1):
    return changing_templates.edit(template, project, user, content, guards, base)


def test_a_change_of_what_guards_a_launch_waits_for_another_admin(atlas, ours, dan, eve):
    made = change(ours, atlas, dan, content_of("one", "two"))
    assert isinstance(made, TemplateChange)
    assert numbers(ours) == [1]
    with pytest.raises(Refused, match="another admin"):
        changing_templates.confirm(made, dan)
    version = changing_templates.confirm(made, eve)
    assert numbers(ours) == [2, 1]
    assert [item.key for item in version.parsed.items()] == ["one", "two"]
    (_, proposed), (_, confirmed) = acts(atlas)
    assert proposed["step"] == "proposed"
    assert (confirmed["step"], confirmed["solo"]) == ("confirmed", False)
    assert confirmed["sha256"] == version.sha256


def test_the_only_admin_confirms_their_own_and_the_log_says_so(atlas, ours, dan):
    made = change(ours, atlas, dan, content_of("one", "two"))
    changing_templates.confirm(made, dan)
    assert numbers(ours) == [2, 1]
    assert acts(atlas)[-1][1]["solo"] is True
    made.refresh_from_db()
    assert made.is_solo


def test_who_sent_the_other_admin_away_confirms_nothing_alone(atlas, ours, dan, eve):
    made = change(ours, atlas, dan, content_of("one", "two"))
    services.change_role(Membership.objects.get(project=atlas, user=eve), Role.MEMBER, dan)
    with pytest.raises(Refused, match="another admin has to confirm"):
        changing_templates.confirm(made, dan)
    assert numbers(ours) == [1]


def test_an_admin_who_is_locked_out_counts_for_nobody(atlas, ours, dan, eve):
    eve.is_active = False
    eve.save()
    changing_templates.confirm(change(ours, atlas, dan, content_of("two")), dan)
    assert numbers(ours) == [2, 1]


def test_what_guards_nothing_is_changed_at_once(atlas, free, cleo):
    made = change(free, atlas, cleo, content_of("two"), NOTHING)
    assert isinstance(made, TemplateVersion)
    assert numbers(free) == [2, 1]
    assert acts(atlas)[-1] == (
        cleo.pk,
        {
            "act": "template.changed",
            "template": "free",
            "step": "changed",
            "version": 2,
            "sha256": made.sha256,
        },
    )


def test_to_begin_to_guard_something_takes_two_as_well(atlas, free, dan, eve):
    made = change(free, atlas, dan, content_of("one"))
    assert [version.template for version in templates.guarding(atlas, LAUNCH)] != [free]
    changing_templates.confirm(made, eve)
    # The same items guard now: that is no new version of them.
    assert numbers(free)[0] == 2
    assert free in [version.template for version in templates.guarding(atlas, LAUNCH)]


def test_to_stop_guarding_takes_two_as_well(atlas, ours, dan, eve):
    same = ours.latest().parsed
    made = change(ours, atlas, dan, same, NOTHING)
    assert ours in [version.template for version in templates.guarding(atlas, LAUNCH)]
    changing_templates.confirm(made, eve)
    assert numbers(ours) == [1]
    assert not [row for row in templates.guarding(atlas, LAUNCH) if row.template == ours]


def test_a_built_in_template_becomes_the_projects_own(atlas, dan):
    templates.sync()
    elsewhere = make_project("elsewhere")
    (before,) = templates.guarding(atlas, LAUNCH)
    made = change(before.template, atlas, dan, content_of("one"))
    assert templates.guarding(atlas, LAUNCH) == [before]
    version = changing_templates.confirm(made, dan)
    assert templates.guarding(atlas, LAUNCH) == [version]
    assert version.template.slug == before.template.slug
    assert version.template.project == atlas
    assert templates.guarding(elsewhere, LAUNCH) == [before]
    # Who still had the built-in one open finds that it is no longer in force.
    with pytest.raises(Refused, match="meanwhile"):
        change(before.template, atlas, dan, content_of("two"))


def test_one_change_at_a_time(atlas, ours, dan, eve):
    made = change(ours, atlas, dan, content_of("two"))
    with pytest.raises(Refused, match="already"):
        change(ours, atlas, eve, content_of("three"))
    changing_templates.withdraw(made, eve)
    assert numbers(ours) == [1]
    assert acts(atlas)[-1][1]["step"] == "withdrawn"
    change(ours, atlas, eve, content_of("three"))
    for verb in (changing_templates.confirm, changing_templates.withdraw):
        with pytest.raises(Refused, match="already"):
            verb(made, eve)


def test_nobody_overwrites_a_version_that_they_have_not_seen(atlas, free, cleo, dan):
    change(free, atlas, dan, content_of("two"), NOTHING)
    with pytest.raises(Refused, match=r"Dan saved version 2"):
        change(free, atlas, cleo, content_of("three"), NOTHING)


def test_an_equal_version_is_none(atlas, free, cleo):
    with pytest.raises(Refused, match="Nothing"):
        change(free, atlas, cleo, free.latest().parsed, NOTHING)


def test_a_new_template_never_takes_the_name_of_one_that_guards(atlas, cleo):
    templates.sync()
    for title, slug in (("Security", "security-2"), ("New", "new-2"), ("Ünïque", "unique")):
        made = changing_templates.create(atlas, cleo, content_of("one", title=title))
        assert (made.template.slug, made.template.guards) == (slug, NOTHING)
    guarding = templates.guarding(atlas, Guards.PRODUCTION)
    assert [row.template.project for row in guarding] == [None, None]


def test_a_rule_of_launches_takes_two_admins(atlas, dan, eve):
    values = {"parameters": 10, "gpu_hours": None}
    changing_rule.propose(atlas, dan, values)
    assert templates.rule(atlas).parameters == 10**9
    with pytest.raises(Refused, match="already"):
        changing_rule.propose(atlas, eve, {"parameters": 5, "gpu_hours": None})
    with pytest.raises(Refused, match="another admin"):
        changing_rule.confirm(atlas, dan)
    changing_rule.confirm(atlas, eve)
    rule = templates.rule(atlas)
    assert (rule.parameters, rule.gpu_hours, rule.proposal) == (10, None, {})
    last = acts(atlas)[-1][1]
    assert last["act"] == "rule.changed"
    assert (last["before"], last["after"]) == ({"parameters": 10**9, "gpu_hours": 1.0}, values)
    assert last["solo"] is False


def test_a_rule_is_withdrawn_and_proposed_again(atlas, dan):
    values = {"parameters": None, "gpu_hours": 2.0}
    changing_rule.propose(atlas, dan, values)
    changing_rule.withdraw(atlas, dan)
    assert templates.rule(atlas).gpu_hours == 1.0
    with pytest.raises(Refused, match="already"):
        changing_rule.confirm(atlas, dan)
    changing_rule.propose(atlas, dan, values)
    changing_rule.confirm(atlas, dan)
    assert acts(atlas)[-1][1]["solo"] is True
    with pytest.raises(Refused, match="Nothing"):
        changing_rule.propose(atlas, dan, values)
