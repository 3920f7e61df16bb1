import pytest

from llmhub.checklists.checks import KNOWN
from llmhub.checklists.content import FOLDER, load, read
from llmhub.checklists.items import How, Part

COUNTS = {"before-training": 17, "before-production": 20, "security": 14}
# Which check proves what; an item that is not here is for people alone.
CHECKS = {
    "before-training": {
        "data-clean": "data-clean",
        "validation-split": "validation-split",
        "data-statistics": "data-statistics",
        "personal-data": "personal-data",
        "licences": "licences",
        "devices-tested": "devices-tested",
        "free-disk": "free-disk",
        "monitoring": "metrics-arrive",
        "checkpoints": "checkpoints-on",
        "reproducible": "reproducible",
        "unit-tests": "unit-tests",
        "configuration-versioned": "configuration-versioned",
        "resume-tested": "resume-drill",
        "benchmarks": "benchmarks-named",
        "stopping-criteria": "stopping-criteria",
    },
    "before-production": {
        "benchmarks": "evaluated",
        "size": "quantised-export",
        "empty-and-long-prompts": "empty-and-long-prompts",
        "authentication": "api-authentication",
        "rate-limits": "api-rate-limits",
        "audit-trail": "audit-trail",
    },
    "security": {
        "no-sensitive-data": "membership-inference",
        "refusals": "must-refuse",
        "https": "api-https",
        "cors": "api-cors",
        "abuse-limits": "api-rate-limits",
    },
}
OF_A_RUN = set(Part) - {Part.WEIGHTS}
OF_A_VERSION = {Part.WEIGHTS, Part.LICENCE, Part.RECIPE, Part.DATA, Part.BASE_MODEL}


@pytest.fixture
def built_in():
    return {each.slug: each for each in load()}


def test_the_books_three_checklists_have_all_51_items(built_in):
    counts = {slug: len(each.content.items()) for slug, each in built_in.items()}
    assert counts == COUNTS
    assert sum(counts.values()) == 51


def test_they_guard_launches_and_production(built_in):
    guards = {slug: each.guards for slug, each in built_in.items()}
    assert guards == {
        "before-training": "launch",
        "before-production": "production",
        "security": "production",
    }


def test_each_item_has_the_check_that_is_known_for_it(built_in):
    found = {
        slug: {item.key: item.check for item in each.content.items() if item.check}
        for slug, each in built_in.items()
    }
    assert found == CHECKS


def test_an_item_depends_on_all_that_its_check_looks_at(built_in):
    """Or what the check found would stand although what it looked at is another."""
    for each in built_in.values():
        for item in each.content.items():
            parts = KNOWN[item.check].parts if item.check else ()
            assert set(parts) <= set(item.depends), item.key


def test_a_check_decides_alone_only_where_it_proves_everything(built_in):
    decided = {
        item.key
        for each in built_in.values()
        for item in each.content.items()
        if item.how == How.MACHINE
    }
    assert decided == {"free-disk", "checkpoints", "stopping-criteria", "https", "cors"}


def test_what_must_hold_cannot_be_waived(built_in):
    firm = {
        item.key for each in built_in.values() for item in each.content.items() if not item.waivable
    }
    assert firm == {"licences", "personal-data", "refusals", "secrets", "terms"}


def test_each_item_depends_on_parts_that_its_subject_has(built_in):
    for each in built_in.values():
        known = OF_A_RUN if each.guards == "launch" else OF_A_VERSION
        for item in each.content.items():
            assert set(item.depends) <= known, item.key


@pytest.mark.parametrize("slug", COUNTS)
def test_all_is_said_in_each_language(built_in, slug, settings):
    languages = {code for code, _name in settings.LANGUAGES}
    content = built_in[slug].content
    texts = [content.title, content.lede, *(group.title for group in content.groups)]
    for item in content.items():
        texts += [item.title, item.help, *([item.proves] if item.check else [])]
    for text in texts:
        assert set(text) == languages
        assert all(each == each.strip() != "" for each in text.values()), text


@pytest.mark.parametrize("slug", COUNTS)
def test_a_help_is_a_translation_and_no_copy(built_in, slug):
    for item in built_in[slug].content.items():
        for text in (item.help, item.proves):
            assert not text or text["en"] != text["fr"], item.key


def changed(folder, old: str, new: str):
    """The files of a template with one line of each changed."""
    for path in FOLDER.glob("security*.toml"):
        (folder / path.name).write_text(path.read_text().replace(old, new))
    return folder / "security.toml"


def test_a_missing_translation_is_refused_and_named(tmp_path):
    path = changed(tmp_path, "[items.watermark]\ntitle =", "[items.watermark]\n#")
    with pytest.raises(ValueError, match=r"security\.en\.toml lacks items\.watermark\.title"):
        read(path)


def test_a_text_of_no_item_is_refused_and_named(tmp_path):
    path = changed(tmp_path, "[items.watermark]", '[items.cookies]\nhelp = ""\n[items.watermark]')
    with pytest.raises(ValueError, match=r"has no item for items\.cookies\.help"):
        read(path)


def test_each_item_depends_on_what_its_check_looks_at(built_in):
    """Else a check would still hold when what it looked at has changed."""
    for each in built_in.values():
        for item in each.content.items():
            if item.check:
                assert set(KNOWN[item.check].parts) <= set(item.depends), item.key


def test_at_least_20_items_are_checked_by_the_hub(built_in):
    checked = [item for each in built_in.values() for item in each.content.items() if item.check]
    assert len(checked) >= 20
    assert all(item.check in KNOWN for item in checked)
