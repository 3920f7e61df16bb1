"""Terms on any page: links to their definitions, which static/js/terms.js opens in place.

All of it is looked up in memory: a form of a hundred fields costs no query.
"""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from llmhub.reference import formulas, glossary
from llmhub.reference.entries import Entry, Term

register = template.Library()

NOTHING = SafeString("")


@register.simple_tag
def term(slug: str, text: str = "") -> SafeString:
    """A word that opens its definition: `text`, or the title of the term."""
    return word(glossary.term(slug), text)


@register.simple_tag
def term_mark(slug: str, label: str = "") -> SafeString:
    """A question mark beside `label`, where the words themselves cannot be a link."""
    return mark(glossary.term(slug), label)


@register.simple_tag
def term_of_field(name: str, text: str = "", *, word_only: bool = False) -> SafeString:
    """Of a recipe field: a mark, or with `word_only` its title `text` as the link."""
    found = glossary.of_field(name)
    return word(found, text) if word_only else mark(found, text)


@register.simple_tag
def term_of_metric(name: str, text: str = "") -> SafeString:
    """The title `text` of a metric as a link to its term."""
    return word(glossary.of_metric(name), text)


@register.simple_tag
def term_of_item(checklist: str, key: str, text: str = "") -> SafeString:
    """A mark beside the title `text` of the item `key` of a checklist's template."""
    return mark(glossary.of_item(f"{checklist}/{key}"), text)


@register.filter
def formula(entry: Entry[Term]) -> SafeString:
    return formulas.mathml(entry.facts.formula) if entry.facts.formula else NOTHING


def word(found: Entry[Term] | None, text: str) -> SafeString:
    """Without a term the text stands as it is."""
    if found is None:
        return format_html("{}", text)
    address = reverse("term", args=[found.slug])
    link = '<a class="term" href="{}" data-term="{}" aria-haspopup="dialog">{}</a>'
    return format_html(link, address, found.slug, text or found.title)


def mark(found: Entry[Term] | None, text: str) -> SafeString:
    if found is None:
        return NOTHING
    link = (
        '<a class="term-mark" href="{}" data-term="{}" aria-haspopup="dialog" aria-label="{}">'
        '<span aria-hidden="true">?</span></a>'
    )
    said = _("%(term)s: what is this?") % {"term": text or found.title}
    return format_html(link, reverse("term", args=[found.slug]), found.slug, said)
