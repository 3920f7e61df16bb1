"""Every template, whether a test shows it or not: it compiles, and what it names exists."""

import re

from django.contrib.staticfiles import finders
from django.template import engines
from django.urls import get_resolver

from ops.config import ROOT

TEMPLATES = {
    str(path.relative_to(ROOT / "templates")): path.read_text()
    for path in sorted((ROOT / "templates").rglob("*.html"))
}


def named_in_templates(pattern: str) -> set[tuple[str, str]]:
    """Pairs of a template and what it names, so that a failure says where."""
    found = re.compile(pattern)
    return {(name, hit) for name, source in TEMPLATES.items() for hit in found.findall(source)}


def test_all_of_them_compile():
    for source in TEMPLATES.values():
        engines["django"].from_string(source)


def test_the_parts_they_are_made_of_exist():
    used = named_in_templates(r"{% (?:include|extends) ['\"]([^'\"]+)")
    assert {(name, part) for name, part in used if part not in TEMPLATES} == set()


def test_the_urls_they_link_to_exist():
    known = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    used = named_in_templates(r"{% url ['\"]([^'\"]+)")
    assert {(name, url) for name, url in used if url not in known} == set()


def test_the_files_they_load_exist():
    used = named_in_templates(r"{% static ['\"]([^'\"]+)")
    missing = {(name, path) for name, path in used if not finders.find(path)}
    # plotly's script comes out of its package only when the static files are built.
    assert {path for _name, path in missing if not path.startswith("plotly/")} == set()


def test_they_hold_no_inline_script_or_style():
    """The Content-Security-Policy would drop them in the browser, and say so only there."""
    assert named_in_templates(r"<style\b|\sstyle=|\son[a-z]+=\"") == set()
    scripts = named_in_templates(r"<script\b([^>]*)>")
    assert {(name, script) for name, script in scripts if "src=" not in script} == set()
