"""What people say on a checklist: they sign, waive, attach, comment and carry over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.checklists import carrying, comments, evidence, page, signing
from llmhub.checklists.items import said
from llmhub.checklists.models import Checklist, Evidence, EvidenceKind, Meaning
from llmhub.checklists.standing import ItemStanding
from llmhub.registry.forms import ShowsRefusals
from llmhub.runs.models import Run
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import User

MAX_NOTE = 2_000
MAX_WAIVER = timedelta(days=30)
FIRST_WAIVER = timedelta(days=14)
MOST_RUNS = 50


class ActForm(ShowsRefusals, forms.Form):
    """Of a person, on items of a checklist."""

    def __init__(
        self, checklist: Checklist, items: list[ItemStanding], user: User, *args: Any
    ) -> None:
        super().__init__(*args)
        self.checklist, self.items, self.user = checklist, items, user
        self.keys = [one.key for one in items]
        self.prepare()

    def prepare(self) -> None:
        """Choices that depend on the checklist."""

    def act(self) -> None:
        raise NotImplementedError

    def done(self) -> bool:
        """False with the reasons at the fields; nothing typed is lost."""
        if not self.is_valid():
            return False
        try:
            self.act()
        except Refused as refusal:
            self.refuse(refusal)
        return not self.errors

    def refuse(self, refusal: Refused) -> None:
        """Reasons that are about an item name it, where there are several."""
        titles = {one.key: said(one.item.title, page.language()) for one in self.items}
        for name, reasons in refusal.errors.items():
            for reason in reasons:
                text = f"{titles[name]}: {reason}" if name in titles and len(titles) > 1 else reason
                self.add_error(name if name in self.fields else None, text)

    def choices(self, name: str) -> Any:
        return self.fields[name]


class BoundForm(ActForm):
    """What is said of parts of the subject: of those that the person had before them."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
        help_text=gettext_lazy("Asked for each time, so that it is you and not your browser."),
    )

    @property
    def seen(self) -> list[tuple[str, str]]:
        """For the page: what it shows, by the name of a hidden field."""
        return [(f"seen-{one.key}", one.parts_hash) for one in self.items]

    def they_saw(self) -> dict[str, str]:
        return {one.key: self.data.get(f"seen-{one.key}", one.parts_hash) for one in self.items}


class SignForm(BoundForm):
    meaning = forms.ChoiceField(
        label=gettext_lazy("Meaning"), choices=Meaning, initial=Meaning.VERIFIED
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=MAX_NOTE,
        widget=forms.Textarea({"rows": 2}),
        help_text=gettext_lazy("What you looked at, if it is worth a word."),
    )
    evidence = forms.MultipleChoiceField(
        label=gettext_lazy("On this evidence"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    field_order = ("meaning", "note", "evidence", "password")

    def prepare(self) -> None:
        """All of it is ticked: it is what the person has before them."""
        field = self.choices("evidence")
        field.choices = [
            (str(row.pk), describe(row)) for one in self.items for row in before_them(one)
        ]
        field.initial = [value for value, _label in field.choices]

    def act(self) -> None:
        typed = self.cleaned_data
        signing.sign(
            self.checklist,
            self.keys,
            self.user,
            Meaning(typed["meaning"]),
            typed["password"],
            note=typed["note"],
            evidence=[int(pk) for pk in typed["evidence"]],
            seen=self.they_saw(),
        )


def before_them(one: ItemStanding) -> list[Evidence]:
    """What still holds."""
    return [*([one.check] if one.check else []), *one.attached]


def describe(row: Evidence) -> str:
    when = timezone.localtime(row.taken_at).strftime("%Y-%m-%d %H:%M")
    return f"{row.get_kind_display()}: {content_of(row)} ({when})"


def content_of(row: Evidence) -> str:
    if row.kind == EvidenceKind.CHECK:
        return f"{page.check_title(row)}: {row.get_outcome_display()}"
    if row.kind == EvidenceKind.RUN:
        return str(row.run) if row.run else _("a run that is gone")
    return row.file_name or row.link


class WaiveForm(BoundForm):
    reason = forms.CharField(
        label=gettext_lazy("Why it is not done"),
        max_length=MAX_NOTE,
        widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("Stays on the page of the run or the version for ever."),
    )
    owner = forms.ChoiceField(
        label=gettext_lazy("Who answers for it"),
        help_text=gettext_lazy("Somebody else than who launches."),
    )
    until = forms.DateField(
        label=gettext_lazy("Until"),
        widget=forms.DateInput({"type": "date"}),
        help_text=gettext_lazy("At most 30 days from today."),
    )
    field_order = ("reason", "owner", "until", "password")

    def prepare(self) -> None:
        self.people = {str(one.pk): one for one in comments.people(self.checklist.project)}
        field, today = self.choices("owner"), timezone.localdate()
        field.choices = [
            ("", _("Choose one")),
            *((pk, str(one)) for pk, one in self.people.items()),
        ]
        until = self.fields["until"]
        until.initial = (today + FIRST_WAIVER).isoformat()
        until.widget.attrs |= {"min": today.isoformat(), "max": (today + MAX_WAIVER).isoformat()}

    def clean(self) -> None:
        if self.they_saw() != {one.key: one.parts_hash for one in self.items}:
            text = _("The subject has changed since you opened the page: look at it again.")
            raise forms.ValidationError(text)

    def act(self) -> None:
        typed = self.cleaned_data
        signing.waive(
            self.checklist,
            self.keys[0],
            self.user,
            self.people[typed["owner"]],
            typed["reason"],
            typed["until"],
            typed["password"],
        )


class EvidenceForm(ActForm):
    file = forms.FileField(label=gettext_lazy("A file"), required=False, allow_empty_file=True)
    link = forms.CharField(
        label=gettext_lazy("Or a link"),
        required=False,
        max_length=evidence.MAX_LINK,
        widget=forms.URLInput({"placeholder": "https://"}),
    )
    run = forms.ChoiceField(label=gettext_lazy("Or a run"), required=False)
    note = forms.CharField(
        label=gettext_lazy("What it shows"),
        required=False,
        max_length=evidence.MAX_NOTE,
        widget=forms.Textarea({"rows": 2}),
    )

    def prepare(self) -> None:
        rows = Run.objects.filter(project=self.checklist.project).listed().order_by("-pk")
        self.runs = {str(run.pk): run for run in rows[:MOST_RUNS]}
        named = [(pk, f"{run} (#{pk})") for pk, run in self.runs.items()]
        self.choices("run").choices = [("", _("None")), *named]

    def act(self) -> None:
        typed = self.cleaned_data
        evidence.attach(
            self.checklist,
            self.keys[0],
            self.user,
            file=typed["file"] or None,
            link=typed["link"],
            run=self.runs.get(typed["run"]),
            note=typed["note"],
        )


class CommentForm(ActForm):
    text = forms.CharField(
        label=gettext_lazy("Comment"),
        max_length=comments.MAX_TEXT,
        widget=forms.Textarea({"rows": 3, "data-mentions": ""}),
        help_text=gettext_lazy("With @ and a name, that person gets a letter."),
    )

    def act(self) -> None:
        key = self.keys[0] if self.keys else ""
        comments.add(self.checklist, key, self.user, self.cleaned_data["text"])


class CarryForm(ActForm):
    earlier = forms.ChoiceField(
        label=gettext_lazy("Earlier checklist"),
        help_text=gettext_lazy(
            "Signatures, waivers and evidence of items whose parts are the same today."
        ),
    )

    def prepare(self) -> None:
        self.rows = {str(one.pk): one for one in carrying.earlier(self.checklist)}
        self.choices("earlier").choices = [
            (pk, f"{one.run or one.model_version} (#{pk})") for pk, one in self.rows.items()
        ]

    def act(self) -> None:
        self.carried = carrying.carry(
            self.checklist, self.rows[self.cleaned_data["earlier"]], self.user
        )
