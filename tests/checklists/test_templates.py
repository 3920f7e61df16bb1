from dataclasses import replace

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmhub.checklists import content, templates
from llmhub.checklists.models import Guards, LaunchRule, Template, TemplateVersion
from llmhub.lib.canonical import digest

pytestmark = pytest.mark.django_db


def slugs(versions) -> list[str]:
    return [version.template.slug for version in versions]


def test_the_templates_of_the_hub_are_there_after_a_start_and_once(capsys):
    call_command("sync_templates")
    assert "3 new versions" in capsys.readouterr().out
    call_command("sync_templates")
    assert capsys.readouterr().out == ""
    assert TemplateVersion.objects.count() == 3
    for version in TemplateVersion.objects.all():
        assert version.sha256 == digest(version.content) == digest(version.parsed.as_json())


def test_a_changed_file_makes_the_next_version_and_leaves_the_old_one():
    templates.sync()
    before = dict(TemplateVersion.objects.values_list("pk", "sha256"))
    changed = []
    for each in content.load():
        title = {**each.content.title, "en": f"{each.content.title['en']}!"}
        changed.append(
            replace(each, content=each.content.model_copy(update={"title": title}))
            if each.slug == "security"
            else each
        )
    assert templates.sync(changed) == 1
    security = Template.objects.get(slug="security")
    assert [version.number for version in security.versions.all()] == [2, 1]
    assert security.latest().title == "Security!"
    assert before.items() <= dict(TemplateVersion.objects.values_list("pk", "sha256")).items()


def test_what_guards_launches_and_production(atlas):
    templates.sync()
    assert slugs(templates.guarding(atlas, Guards.LAUNCH)) == ["before-training"]
    assert slugs(templates.guarding(atlas, Guards.PRODUCTION)) == ["before-production", "security"]


def test_a_hub_that_was_never_prepared_does_not_stand_open(atlas):
    assert slugs(templates.guarding(atlas, Guards.LAUNCH)) == ["before-training"]


def test_what_is_in_force_is_found_by_one_query(atlas):
    templates.sync()
    with CaptureQueriesContext(connection) as captured:
        assert len(templates.guarding(atlas, Guards.PRODUCTION)) == 2
    assert len(captured) == 1


def test_a_project_without_a_rule_of_its_own_has_the_usual_one(atlas):
    rule = templates.rule(atlas)
    assert (rule.parameters, rule.gpu_hours) == (10**9, 1.0)
    assert not LaunchRule.objects.exists()
    LaunchRule.objects.create(project=atlas, parameters=5, gpu_hours=None)
    assert templates.rule(atlas).parameters == 5
