"""What `build_static` makes: hashed names everywhere, plotly's styles as a file, no work twice."""

import json
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command

from llmhub.dashboard.static_build import PLOTLY, inputs_digest, plotly_css

IMPORT = re.compile(r"""(?:from\s*|import\s*\(?)["']([^"']+)["']""")


@pytest.fixture
def built(tmp_path, settings, built_static_files):
    settings.STATIC_ROOT = tmp_path / "static"
    call_command("build_static", verbosity=0)
    return Path(settings.STATIC_ROOT)


def manifest(root):
    return json.loads((root / "staticfiles.json").read_text())["paths"]


def test_every_import_of_a_built_module_resolves_to_a_file_with_a_hash(built):
    modules = list((built / "js").rglob("*.js"))
    assert modules
    for module in modules:
        for target in IMPORT.findall(module.read_text()):
            assert (module.parent / target).resolve().is_file(), f"{module} imports {target}"
            assert re.search(r"\.[0-9a-f]{12}\.js$", target), f"{module} imports {target}"


def test_the_scripts_of_other_packages_are_there_and_unchanged(built):
    names = manifest(built)
    script = built / names["plotly/plotly.min.js"]
    assert script.read_bytes() == (PLOTLY / "plotly.min.js").read_bytes()
    assert "django_htmx/htmx-2.min.js" in names


def test_large_files_are_compressed_beforehand(built):
    script = built / manifest(built)["plotly/plotly.min.js"]
    for suffix in (".br", ".gz"):
        packed = script.with_name(script.name + suffix)
        assert packed.stat().st_size < script.stat().st_size / 2


def test_plotlys_own_rules_become_a_style_sheet_in_the_order_that_they_would_apply():
    rules = plotly_css((PLOTLY / "plotly.min.js").read_text()).splitlines()
    assert len(rules) == 66
    assert rules[-1].startswith(
        ".js-plotly-plot .plotly,.js-plotly-plot .plotly div{direction:ltr;"
    )
    assert ".js-plotly-plot .plotly .modebar{position:absolute;top:2px;right:2px;}" in rules
    assert rules[0].startswith(".plotly-notifier .notifier-close:hover{")


def test_a_plotly_that_keeps_its_rules_elsewhere_is_noticed():
    with pytest.raises(ValueError, match="style rules"):
        plotly_css("var nothing = {};")


def test_a_second_build_with_the_same_sources_touches_nothing(built, capsys):
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    call_command("build_static")
    assert "up to date" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*")} == before


def test_a_changed_source_is_built_again(built, settings, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    (more / "extra.css").write_text("a { color: red }")
    before = inputs_digest()
    settings.STATICFILES_DIRS = [*settings.STATICFILES_DIRS, more]
    finders.get_finder.cache_clear()
    try:
        assert inputs_digest() != before
        call_command("build_static", verbosity=0)
        assert "extra.css" in manifest(built)
    finally:
        finders.get_finder.cache_clear()
