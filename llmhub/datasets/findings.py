"""A report as people read it: the answers to the checklist before a training, then each check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from llmhub.datasets.histogram import Histogram
from llmhub.datasets.models import Dataset, Report

Figures = Mapping[str, Any]

PERSONAL = {
    "email": gettext_lazy("E-mail addresses"),
    "phone": gettext_lazy("Phone numbers"),
    "ip": gettext_lazy("IP addresses"),
    "iban": gettext_lazy("Bank accounts (IBAN)"),
    "card": gettext_lazy("Payment cards"),
    "id": gettext_lazy("National identity numbers"),
}
ENCODING = {
    "replacement": gettext_lazy("Replacement characters"),
    "control": gettext_lazy("Control characters"),
    "invisible": gettext_lazy("Invisible characters"),
    "bidi": gettext_lazy("Characters that reverse the reading"),
    "private_use": gettext_lazy("Private-use characters"),
    "mojibake": gettext_lazy("UTF-8 that was read as Windows-1252"),
}
REMOVED = {
    "exact": gettext_lazy("Exact duplicates removed"),
    "near": gettext_lazy("Near duplicates removed"),
    "empty": gettext_lazy("Empty rows removed"),
}
PARTS = {
    "training": gettext_lazy("Training"),
    "validation": gettext_lazy("Validation"),
}


@dataclass(frozen=True)
class Verdict:
    """One line of the checklist, with figures instead of an opinion."""

    title: str
    tone: str  # good, warn, bad; empty where there is nothing to judge
    figure: str
    text: str
    # The slug of what explains it.
    term: str = ""


@dataclass(frozen=True)
class CheckView:
    name: str
    title: str
    figure: str
    method: str
    seconds: float
    version: int
    figures: Figures

    @property
    def template(self) -> str:
        return f"datasets/_check_{self.name}.html"

    def histograms(self) -> list[tuple[str, Histogram]]:
        titles = {"characters": _("Characters"), "words": _("Words"), "tokens": _("Tokens")}
        return [
            (title, Histogram.of(self.figures[name]["histogram"]))
            for name, title in titles.items()
            if self.figures.get(name)
        ]


@dataclass(frozen=True)
class Findings:
    verdicts: list[Verdict]
    checks: list[CheckView]
    duplicates: int
    empty: int
    personal: int


def of(report: Report, dataset: Dataset) -> Findings:
    checks = report.figures["checks"]
    return Findings(
        verdicts=verdicts(checks, dataset),
        checks=[view(name, checks[name]) for name in TITLES if name in checks],
        duplicates=checks["exact_duplicates"]["rows"] + checks["near_duplicates"]["rows"],
        empty=checks["lengths"]["empty"]["rows"],
        personal=checks["personal"]["rows"],
    )


def verdicts(checks: Figures, dataset: Dataset) -> list[Verdict]:
    return [
        deduplicated(checks["exact_duplicates"], checks["near_duplicates"], checks["lengths"]),
        validated(checks["splits"], checks["leakage"]),
        measured(checks["lengths"]),
        anonymous(checks["personal"]),
        licensed(dataset),
    ]


def deduplicated(exact: Figures, near: Figures, lengths: Figures) -> Verdict:
    repeated = exact["rows"] + near["rows"]
    text = _("%(exact)s exact and %(near)s near duplicates, %(empty)s empty rows.") % {
        "exact": number(exact["rows"]),
        "near": number(near["rows"]),
        "empty": number(lengths["empty"]["rows"]),
    }
    is_clean = not repeated and not lengths["empty"]["rows"]
    return Verdict(
        _("Cleaned and deduplicated"),
        "good" if is_clean else "warn",
        rows_of(repeated),
        text,
        "deduplication",
    )


def validated(splits: Figures, leakage: Figures) -> Verdict:
    rows = splits["validation"]["rows"]
    leaked = leakage["validation"]["in"]["training"]["rows"]
    text = validation_text(splits)
    if leaked:
        text += " " + _("%(rows)s of them share 13 words in a row with training.") % {
            "rows": number(leaked)
        }
    tone = "warn" if leaked or not splits["enough"] else "good"
    return Verdict(_("Validation split apart"), tone, rows_of(rows), text, "validation")


def validation_text(splits: Figures) -> str:
    """Whether there are the 1,000 rows that the checklist asks for, and if not, why."""
    wanted = number(splits["method"]["wanted"])
    if splits["enough"]:
        return _("At least %(wanted)s, kept apart from training.") % {"wanted": wanted}
    if splits["too_small"]:
        return _("Fewer than %(wanted)s: the dataset is too small for that many.") % {
            "wanted": wanted
        }
    return _("Fewer than %(wanted)s: a share of %(share)s %% would give as many.") % {
        "wanted": wanted,
        "share": number_format(round(100 * splits["needed_share"], 1)),
    }


def measured(lengths: Figures) -> Verdict:
    characters = lengths["characters"]
    if not characters:
        return Verdict(_("Basic statistics"), "warn", "–", "")
    text = _("Half of the rows have %(low)s to %(high)s characters; %(over)s are overlong.") % {
        "low": number(characters["percentiles"]["25"]),
        "high": number(characters["percentiles"]["75"]),
        "over": number(lengths["overlong"]["rows"]),
    }
    figure = _("mean %(mean)s") % {"mean": number(round(characters["mean"]))}
    return Verdict(_("Basic statistics"), "good", figure, text)


def anonymous(personal: Figures) -> Verdict:
    found = [
        f"{PERSONAL[kind]}: {number(figures['count'])}"
        for kind, figures in personal["kinds"].items()
        if figures["count"]
    ]
    text = "; ".join(found) or _(
        "No address, number or account was found. Names are not looked for."
    )
    tone = "warn" if found else "good"
    return Verdict(_("Personal data"), tone, rows_of(personal["rows"]), text, "personal-data")


def licensed(dataset: Dataset) -> Verdict:
    if not dataset.licence:
        return Verdict(_("Licence"), "warn", _("unknown"), _("Nobody has written it down yet."))
    return Verdict(_("Licence"), "good", dataset.licence, dataset.licence_note[:200])


def rows_of(count: int) -> str:
    return ngettext("%(count)s row", "%(count)s rows", count) % {"count": number(count)}


def number(count: float) -> str:
    return str(number_format(count, force_grouping=True))


TITLES = {
    "lengths": gettext_lazy("Lengths"),
    "vocabulary": gettext_lazy("Vocabulary"),
    "encoding": gettext_lazy("Encoding"),
    "exact_duplicates": gettext_lazy("Exact duplicates"),
    "near_duplicates": gettext_lazy("Near duplicates"),
    "splits": gettext_lazy("Split"),
    "leakage": gettext_lazy("Leakage"),
    "personal": gettext_lazy("Personal data"),
}


def view(name: str, figures: Figures) -> CheckView:
    figure, method = VIEWS[name]
    return CheckView(
        name=name,
        title=str(TITLES[name]),
        figure=figure(figures),
        method=method(figures["method"]),
        seconds=figures["seconds"],
        version=figures["version"],
        figures=figures,
    )


def lengths_method(method: Figures) -> str:
    if method["tokens"] != "tokenizer":
        return _("Tokens are estimated as a quarter of the characters: tokenize it to have them.")
    return _("Tokens are counted on a sample of %(sample)s rows.") % {
        "sample": number(method["sample"])
    }


def vocabulary_method(method: Figures) -> str:
    return _("On a sample of %(sample)s rows, the same at every report.") % {
        "sample": number(method["sample"])
    }


def encoding_method(method: Figures) -> str:
    return _("Characters that tell of damage, or that nobody sees.")


def exact_method(method: Figures) -> str:
    return _("Equal hashes (%(hash)s) of the rows without the white space around them.") % method


def near_method(method: Figures) -> str:
    return _(
        "MinHash of word %(ngram)s-grams, %(permutations)s permutations in %(bands)s bands; pairs "
        "count from a Jaccard similarity of %(threshold)s, computed exactly. Rows under "
        "%(least_words)s words are left out."
    ) % {name: number(value) if name != "detection" else value for name, value in method.items()}


def splits_method(method: Figures) -> str:
    rules = {
        "characters": _("The last %(share)s %% of the characters of the text."),
        "documents": _("Whole documents, %(share)s %% of them, by the hash of their text."),
        "prompts": _("%(share)s %% of the rows, by the hash of their prompt."),
    }
    return rules[method["rule"]] % {"share": number_format(round(100 * method["share"], 2))}


def leakage_method(method: Figures) -> str:
    return _("Rows that share %(ngram)s words in a row; shorter ones where all words agree.") % {
        "ngram": method["ngram"]
    }


def personal_method(method: Figures) -> str:
    return _("By form and check digits; phone numbers of %(regions)s and with a country code.") % {
        "regions": ", ".join(method["phone_regions"]) or "–"
    }


def repeated(figures: Figures) -> str:
    return rows_of(figures["rows"])


def mean_length(figures: Figures) -> str:
    characters = figures["characters"]
    return _("mean %(mean)s") % {"mean": number(round(characters["mean"]))} if characters else ""


def unknown_tokens(figures: Figures) -> str:
    return _("%(tokens)s unknown tokens") % {"tokens": number(figures["unknown_tokens"])}


def validation_rows(figures: Figures) -> str:
    return _("%(rows)s for validation") % {"rows": rows_of(figures["validation"]["rows"])}


def leaked_rows(figures: Figures) -> str:
    return rows_of(figures["validation"]["in"]["training"]["rows"])


View = tuple[Callable[[Figures], str], Callable[[Figures], str]]
VIEWS: dict[str, View] = {
    "lengths": (mean_length, lengths_method),
    "vocabulary": (unknown_tokens, vocabulary_method),
    "encoding": (repeated, encoding_method),
    "exact_duplicates": (repeated, exact_method),
    "near_duplicates": (repeated, near_method),
    "splits": (validation_rows, splits_method),
    "leakage": (leaked_rows, leakage_method),
    "personal": (repeated, personal_method),
}


@dataclass(frozen=True)
class Difference:
    title: str
    before: str
    now: str


def differences(old: Report, new: Report) -> list[Difference]:
    """The figures of two reports that are not the same."""
    before, now = (key_figures(report.figures["checks"]) for report in (old, new))
    return [
        Difference(title, before[title], now[title])
        for title in now
        if before.get(title, now[title]) != now[title]
    ]


def key_figures(checks: Figures) -> dict[str, str]:
    return {
        check.title: check.figure for check in (view(n, checks[n]) for n in TITLES if n in checks)
    }
