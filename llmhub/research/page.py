"""What the pages of hypotheses show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, Func, JSONField, Q, TextField, Value
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast, Left
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from llmhub.accounts import access
from llmhub.accounts.models import Project, Role, User
from llmhub.jobs.live import project_topic
from llmhub.lib import markdown, metric_names
from llmhub.lib.texts import whole
from llmhub.metrics.models import Series
from llmhub.recipes.models import Recipe
from llmhub.recipes.templatetags.recipes import value
from llmhub.research import evidence, tracks
from llmhub.research.forms import CloseForm
from llmhub.research.models import Act, Event, Hypothesis, HypothesisQuerySet, Part, State
from llmhub.runs.live import run_topic
from llmhub.runs.models import Run
from llmhub.runs.page import title_of

PER_PAGE = 50
MOST_PICKED = 50
MOST_NAMES = 300
MOST_EVENTS = 50
# Of a text that changed; the page cuts it to one less, and shows that it did.
MOST_SHOWN = 301


@dataclass(frozen=True)
class Filter:
    """What the address of a list says. What it does not know it leaves out."""

    state: str = ""
    track: str = ""
    owner: str = ""
    archived: bool = False

    @classmethod
    def read(cls, said: Mapping[str, str]) -> Filter:
        state = said.get("state", "")
        owner = said.get("owner", "")
        return cls(
            state=state if state in State.values else "",
            track=said.get("track", "") if tracks.named(said.get("track", "")) else "",
            owner=owner if whole(owner) is not None else "",
            archived=said.get("archived") == "on",
        )

    @property
    def says_nothing(self) -> bool:
        return self == Filter()

    def rows(self, project: Project) -> HypothesisQuerySet:
        rows = Hypothesis.objects.filter(project=project)
        rows = rows.exclude(archived_at=None) if self.archived else rows.listed()
        asked = {"state": self.state, "track": self.track, "owner": self.owner}
        return rows.filter(**{name: value for name, value in asked.items() if value})


def listed(rows: HypothesisQuerySet) -> HypothesisQuerySet:
    """With all that a line of a list names."""
    alive = Q(links__run__trashed_at=None)
    # An order by itself does not outlive a count of what belongs to a row.
    return (
        rows.select_related("owner")
        .order_by("-created_at", "-pk")
        .annotate(
            baselines=Count("links", filter=alive & Q(links__part=Part.BASELINE)),
            variants=Count("links", filter=alive & Q(links__part=Part.VARIANT)),
        )
    )


def overview(project: Project, asked: Filter, page: str | None) -> dict[str, Any]:
    return {
        "cards": tracks.cards(project),
        "asked": asked,
        "any": Hypothesis.objects.filter(project=project).exists(),
        "states": State.choices,
        "tracks": tracks.in_order(),
        "owners": owners(project),
        **lines(asked.rows(project), page),
        "topic": project_topic(project.pk),
    }


def lines(rows: HypothesisQuerySet, page: str | None) -> dict[str, Any]:
    found: Page[Hypothesis] = Paginator(listed(rows), PER_PAGE).get_page(page)
    return {"page": found, "rows": [(one, tracks.title(one.track)) for one in found]}


def owners(project: Project) -> list[User]:
    """Those who own a hypothesis of the project, whether they are still in it or not."""
    ids = Hypothesis.objects.filter(project=project).exclude(owner=None).values("owner")
    return list(User.objects.filter(pk__in=ids).order_by("name", "email"))


def written(text: str) -> SafeString:
    return mark_safe(markdown.html_of(text)) if text else SafeString("")  # noqa: S308


def of_hypothesis(
    user: User,
    found: Hypothesis,
    close_form: CloseForm | None = None,
    picks: str = "",
) -> dict[str, Any]:
    moves = moving(user, found)
    may_act = moves["may_act"]
    return {
        **moves,
        "track": tracks.named(found.track),
        "notes": written(found.notes),
        "conclusion": written(found.conclusion),
        "expected": expected(found),
        "comparison_query": comparison_query(moves["evidence"]),
        "history": history(found),
        "close_form": close_form or CloseForm(initial={"base": found.revision}),
        "parts": Part.choices,
        **(chooses(found, picks) if may_act else {}),
    }


def moving(user: User, found: Hypothesis) -> dict[str, Any]:
    """What a page fetches again while its runs train."""
    compared = evidence.of(found)
    train = [row.link.run_id for row in compared.rows if not row.link.run.is_over()]
    return {
        "hypothesis": found,
        "evidence": compared,
        "metric_title": metric_title(found.metric),
        "may_act": access.membership(user, found.project_id).may(Role.MEMBER),
        "topics": " ".join([project_topic(found.project_id), *map(run_topic, train)]),
    }


def chooses(found: Hypothesis, picks: str) -> dict[str, Any]:
    """What a member can launch or link from here."""
    recipes = Recipe.objects.visible_in(found.project)
    return {"recipes": recipes, "picks": picks, "candidates": candidates(found, picks)}


def candidates(found: Hypothesis, text: str) -> list[Run]:
    """The newest runs that are not in it yet, by a part of their name or pipeline, or by number."""
    here = Run.objects.filter(project=found.project).listed()
    rows = here.exclude(pk__in=found.links.values("run"))
    text = text.strip().removeprefix("#")
    if text and "\0" not in text:
        wanted = Q(name__icontains=text) | Q(pipeline__name__icontains=text)
        number = whole(text)
        rows = rows.filter(wanted | Q(pk=number) if number is not None else wanted)
    return list(rows.with_names()[:MOST_PICKED])


def expected(found: Hypothesis) -> str:
    """How it is decided, in one sentence; empty where nobody has said so."""
    if not found.metric:
        return ""
    said = {
        "reading": found.get_reading_display(),
        "metric": found.metric,
        "direction": found.get_direction_display(),
        "threshold": value(found.threshold),
    }
    if not found.direction:
        return _("By %(reading)s of %(metric)s.") % said
    if found.threshold:
        text = _("%(metric)s is %(direction)s by at least %(threshold)s: %(reading)s counts.")
        return text % said
    return _("%(metric)s is %(direction)s: %(reading)s counts.") % said


def metric_title(name: str) -> str:
    known = metric_names.KNOWN.get(name)
    return title_of(known) if known else name


def comparison_query(found: evidence.Evidence) -> str:
    """Of the page that compares: the others are held against the first baseline."""
    if not found.rows:
        return ""
    base = found.baseline.rows[0].link.run_id if found.baseline.rows else None
    return urlencode({"runs": found.ids} | ({"base": base} if base else {}), safe=",")


@dataclass(frozen=True)
class Line:
    event: Event
    # (what, before, after)
    changes: list[tuple[str, str, str]]
    conclusion: SafeString
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class History:
    """The newest lines; notes by their beginnings alone, since they may be long."""

    lines: Sequence[Line]
    has_more: bool


def history(found: Hypothesis) -> History:
    rows = found.events.select_related("by").defer("data")
    shortened = rows.annotate(
        short=Without("data", Cast(Value("notes"), TextField()), output_field=JSONField()),
        **{f"notes_{place}": beginning_of_notes(place) for place in (0, 1)},
    )
    newest = list(shortened[: MOST_EVENTS + 1])
    return History([line(event) for event in newest[:MOST_EVENTS]], len(newest) > MOST_EVENTS)


class Without(Func):
    """JSON but for one name, whose value the database then does not send."""

    template = "(%(expressions)s)"
    arg_joiner = " - "


def beginning_of_notes(place: int) -> Left:
    """Of an edit: before it (0) and after it (1)."""
    return Left(KeyTextTransform(place, KeyTransform("notes", "data")), MOST_SHOWN)


def line(event: Any) -> Line:
    """Of an event as `history` reads it."""
    data = event.short
    if event.notes_0 is not None:
        data["notes"] = [event.notes_0, event.notes_1]
    changes = [(name, *pair) for name, pair in data.items()] if event.act == Act.EDITED else []
    return Line(
        event,
        [told(*change) for change in changes],
        written(data.get("conclusion", "")),
        data.get("figures", {}),
    )


def told(name: str, before: Any, after: Any) -> tuple[str, str, str]:
    field: Any = Hypothesis._meta.get_field(name)
    title = str(field.verbose_name)
    # People are kept as numbers: a name may be gone from the hub.
    if name == "owner":
        return title, "", ""
    labels = dict(field.flatchoices)
    texts = [tracks.title(said) if name == "track" else said for said in (before, after)]
    first, second = (value(labels.get(said, said)) for said in texts)
    return title, first, second


def metric_choices(project: Project) -> list[str]:
    """What trainers log, and what the project's newest runs have logged besides."""
    newest = Run.objects.filter(project=project).values("pk")[:MOST_PICKED]
    logged = Series.objects.filter(run__in=newest).order_by("name").values_list("name", flat=True)
    return list(dict.fromkeys([*metric_names.KNOWN, *logged.distinct()[:MOST_NAMES]]))


def of_run(run: Run) -> list[Any]:
    links = run.hypothesis_links.select_related("hypothesis")
    return [link for link in links if not link.hypothesis.archived_at]
