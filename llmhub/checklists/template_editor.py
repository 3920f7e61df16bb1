"""The editor of a template: all its forms in their order.

Every button sends the whole form, so what was typed stays, and none needs a script.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.text import slugify
from django.utils.translation import gettext as _
from pydantic import ValidationError

from llmhub.accounts.form_parts import FieldErrors
from llmhub.checklists import changing_templates
from llmhub.checklists.items import MOST_GROUPS, MOST_ITEMS, Content
from llmhub.checklists.models import Guards, Template, TemplateChange, TemplateVersion
from llmhub.checklists.template_forms import (
    NEW_ITEM,
    GroupForm,
    HeadForm,
    ItemForm,
    KeyedForm,
    TextsForm,
    group_values,
    head_values,
    item_values,
    typed,
)
from llmhub.checklists.template_layout import GroupLayout, Layout
from llmhub.lib.texts import whole
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from django.http import QueryDict

    from llmhub.accounts.models import Project, User

SAVE = "save"


@dataclass(frozen=True)
class ShownItem:
    number: int
    form: ItemForm
    # A button has just put it there.
    is_new: bool

    @property
    def is_open(self) -> bool:
        return self.is_new or self.has_errors

    @property
    def has_errors(self) -> bool:
        return self.form.is_bound and bool(self.form.errors)


@dataclass(frozen=True)
class ShownGroup:
    number: int
    form: GroupForm
    items: list[ShownItem]


class Editor:
    most_items = MOST_ITEMS

    def __init__(
        self,
        shown: Content | None,
        guards: str = Guards.NOTHING,
        data: QueryDict | None = None,
        *,
        base: int = 0,
        may_guard: bool = True,
    ) -> None:
        """`base`: the version that the person began with; it comes back with what they send."""
        self.data = data
        act = data.get("act", SAVE) if data is not None else ""
        self.is_saved = act == SAVE
        self.base = base if data is None else whole(data.get("base", "")) or 0
        # Reasons that no field is to blame for.
        self.general: list[str] = []
        self.values = values_of(shown, guards)
        self.layout = self.first_layout(shown) if data is None else sent(data)
        # Items that are there already; a button may add one that begins as a new one does.
        self.known = set(self.values) if data is None else set(names(self.layout))
        if data is not None and not self.is_saved:
            self.layout.do(act)
        self.head: HeadForm = self.form(HeadForm, "head")
        if not may_guard:
            del self.head.fields["guards"]
        self.groups = [self.shown_group(group) for group in self.layout.groups]

    def first_layout(self, shown: Content | None) -> Layout:
        layout = Layout()
        for group in shown.groups if shown else ():
            start = len(layout.items())
            numbers = list(range(start, start + len(group.items)))
            layout.groups.append(GroupLayout(len(layout.groups), numbers))
        if not shown:
            layout.add_group()
        return layout

    def shown_group(self, group: GroupLayout) -> ShownGroup:
        items = [
            ShownItem(number, self.form(ItemForm, name), name not in self.known)
            for number in group.items
            for name in [f"item-{number}"]
        ]
        return ShownGroup(group.number, self.form(GroupForm, f"group-{group.number}"), items)

    def form(self, kind: type[TextsForm], prefix: str) -> Any:
        """Judged where it is to be saved; a button may be pressed in the midst of writing."""
        if self.is_saved:
            return kind(self.data, prefix=prefix)
        form = kind(prefix=prefix)
        form.initial = dict(self.initial(form, prefix))
        return form

    def initial(self, form: TextsForm, prefix: str) -> Mapping[str, Any]:
        if isinstance(form, ItemForm) and prefix not in self.known:
            return NEW_ITEM
        return self.values.get(prefix, {}) if self.data is None else typed(form, self.data)

    def all_forms(self) -> Iterator[TextsForm]:
        yield self.head
        for group in self.groups:
            yield group.form
            yield from (item.form for item in group.items)

    def is_valid(self) -> bool:
        # All of them, so that all reasons are shown at once.
        return all([form.is_valid() for form in self.all_forms()] + [self.has_fitting_sizes()])

    def has_fitting_sizes(self) -> bool:
        if not 1 <= len(self.groups) <= MOST_GROUPS:
            reason = _("A template has from 1 to %(most)s groups.")
            self.general.append(reason % {"most": MOST_GROUPS})
        for group in self.groups:
            if not 1 <= len(group.items) <= MOST_ITEMS:
                reason = _("“%(group)s”: a group has from 1 to %(most)s items.")
                title = group.form.shown_title or _("A group")
                self.general.append(reason % {"group": title, "most": MOST_ITEMS})
        return not self.general

    def content(self) -> Content | None:
        """What the forms say, or None with the reasons at the fields."""
        if not self.is_valid():
            return None
        group_keys = keys([group.form for group in self.groups])
        item_keys = iter(keys([item.form for group in self.groups for item in group.items]))
        groups = [
            {
                "key": key,
                "title": group.form.text("title"),
                "items": [{"key": next(item_keys), **item.form.values()} for item in group.items],
            }
            for key, group in zip(group_keys, self.groups, strict=True)
        ]
        head = {"title": self.head.text("title"), "lede": self.head.text("lede")}
        try:
            return Content.model_validate({**head, "groups": groups})
        except ValidationError as error:
            self.general += [str(each["msg"]) for each in error.errors()]
            return None

    def create(self, project: Project, user: User) -> TemplateVersion | None:
        content = self.content()
        return changing_templates.create(project, user, content) if content else None

    def save(
        self, template: Template, project: Project, user: User
    ) -> TemplateVersion | TemplateChange | None:
        """The next version, what is proposed, or None with the reasons at the fields."""
        content = self.content()
        if content is None:
            return None
        guards = self.head.cleaned_data.get("guards", template.guards)
        try:
            return changing_templates.edit(template, project, user, content, guards, self.base)
        except Refused as refusal:
            self.general.append(str(refusal))
            return None

    @property
    def errors(self) -> bool:
        return self.is_saved and bool(self.error_list())

    def error_list(self) -> list[FieldErrors]:
        """For the summary above the form, which links to the fields."""
        found = [FieldErrors("", "", "", [reason]) for reason in self.general]
        for form in self.all_forms():
            title = "" if form is self.head else form.shown_title or _("New")
            for name, reasons in form.errors.items():
                field = form[name]
                label = f"{title}, {field.label}" if title else str(field.label)
                said = [str(reason) for reason in reasons]
                found.append(FieldErrors(field.html_name, field.id_for_label, label, said))
        return found


def sent(data: QueryDict) -> Layout:
    return Layout.sent(data.getlist("groups"), data.getlist("items"))


def names(layout: Layout) -> Iterator[str]:
    return (f"item-{number}" for number in layout.items())


def values_of(shown: Content | None, guards: str) -> dict[str, Mapping[str, Any]]:
    """By the name of a form, numbered as `Editor.first_layout` does."""
    if shown is None:
        return {}
    head = {"head": head_values(shown, guards)}
    groups = {f"group-{n}": group_values(group) for n, group in enumerate(shown.groups)}
    return head | groups | {f"item-{n}": item_values(item) for n, item in enumerate(shown.items())}


def keys(forms: list[Any]) -> list[str]:
    """Each once: what it has, or what its title makes."""
    found: list[str] = []
    for form in forms:
        key = key_of(form)
        base, number = key[:36].rstrip("-"), 2
        while key in found:
            key, number = f"{base}-{number}", number + 1
        found.append(key)
    return found


def key_of(form: KeyedForm) -> str:
    key = str(form.cleaned_data.get("key") or "")
    made = slugify(form.text("title").get("en", ""))[:40].strip("-_").replace("_", "-")
    return key or (made if made[:1].isalpha() else f"item-{made}"[:40].rstrip("-"))
