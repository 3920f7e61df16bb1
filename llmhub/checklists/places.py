"""Where concepts and terms live in checklists: see llmhub.reference.places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.urls import reverse
from django.utils.translation import gettext as _

from llmhub.checklists import template_words as words
from llmhub.checklists.templates import in_force
from llmhub.reference.places import Asked, Found, Place, Places, Subject


def items(subjects: Sequence[Subject], asked: Asked) -> Places:
    """The items of checklists that ask for it, as the project has them."""
    wanted = {name.partition("/")[0] for subject in subjects for name in subject.items}
    versions = in_force(asked.project).filter(template__slug__in=wanted)
    known: Mapping[str, Place] = {
        f"{version.template.slug}/{item.key}": Place(
            words.said(item.title),
            f"{reverse('checklist_template', args=[version.template.slug])}#item-{item.key}",
            version.title,
        )
        for version in versions
        for item in version.parsed.items()
    }
    # A project may have done without one that comes with the hub.
    found = {
        subject.slug: Found([known[name] for name in subject.items if name in known])
        for subject in subjects
        if subject.items
    }
    return Places("items", _("Checklist items"), found)
