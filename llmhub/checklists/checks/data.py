"""What the reports of its datasets say of the data of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from llmhub.checklists.checks.base import About, Check, Finding, failed, found, undecided
from llmhub.checklists.items import Part
from llmhub.checklists.reasons import Reason, reason
from llmhub.datasets import licences
from llmhub.datasets.models import DatasetVersion, Report
from llmhub.lib.canonical import digest
from llmhub.registry import lineage

# Of the rows, those that repeat others exactly or nearly.
MOST_REPEATED = 0.01
LEAST_FOR_VALIDATION = 1_000
SAME_SHARE = 1e-9

Figures = Mapping[str, Any]


class Measured:
    """The data of a run with the newest report of each version, in two queries."""

    def __init__(self, about: About) -> None:
        self.data = about.data
        newest = (
            Report.objects.filter(version__in=self.data)
            .exclude(figures={})
            .order_by("version_id", "-pk")
            .distinct("version_id")
        )
        self.reports = {report.version_id: report for report in newest}

    def checks(self, version: DatasetVersion) -> Figures | None:
        """None where nobody has measured exactly this version."""
        report = self.reports.get(version.pk)
        return report.figures["checks"] if report else None

    def unmeasured(self) -> list[Reason]:
        lacking = (version for version in self.data if version.pk not in self.reports)
        return [reason("no_report", data=str(version)) for version in lacking]

    def inputs(self) -> dict[str, str]:
        """Names and hashes of what was looked at."""
        reports = self.reports.values()
        hashes = {str(version): version.sha256 for version in self.data}
        return hashes | {f"report {report.pk}": digest(report.figures) for report in reports}

    def each(self) -> Iterator[tuple[DatasetVersion, Figures]]:
        for version in self.data:
            checks = self.checks(version)
            if checks is not None:
                yield version, checks


def was_cleaned(version: DatasetVersion) -> bool:
    removed = version.derivation.get("changes", {}).get("remove", ())
    return {"exact", "near"} <= set(removed)


def was_anonymised(version: DatasetVersion) -> bool:
    return bool(version.derivation.get("changes", {}).get("anonymise"))


def clean(about: About) -> Finding:
    measured = Measured(about)
    if not measured.data:
        return failed("no_data")
    cleaned = {str(version) for version in measured.data if was_cleaned(version)}
    faults = [fault for fault in measured.unmeasured() if fault.values["data"] not in cleaned]
    shares = {}
    for version, checks in measured.each():
        shares[str(version)] = share = repeated(checks)
        if share > MOST_REPEATED and str(version) not in cleaned:
            faults.append(
                reason(
                    "repeated_rows",
                    data=str(version),
                    percent=percent(share),
                    most=percent(MOST_REPEATED),
                )
            )
    figures = {"repeated": shares, "cleaned": sorted(cleaned), "most": MOST_REPEATED}
    in_order = reason("data_clean", most=percent(MOST_REPEATED))
    return found(faults, in_order, figures, measured.inputs())


def repeated(checks: Figures) -> float:
    return float(checks["exact_duplicates"]["share"] + checks["near_duplicates"]["share"])


def percent(share: float) -> float:
    return round(100 * share, 2)


def validation_split(about: About) -> Finding:
    measured = Measured(about)
    if not measured.data:
        return failed("no_data")
    share = about.spec.data.validation_share
    faults, rows, leaked = measured.unmeasured(), 0, {}
    for version, checks in measured.each():
        splits = checks["splits"]
        seen = splits["method"]["share"]
        if abs(seen - share) > SAME_SHARE:
            # Whatever it counted, it counted other rows.
            faults.append(
                reason("report_of_other_share", data=str(version), measured=seen, run=share)
            )
            continue
        rows += splits["validation"]["rows"]
        leaked[str(version)] = checks["leakage"]["validation"]["in"]["training"]["rows"]
    faults += [reason("leaked_rows", data=name, rows=n) for name, n in leaked.items() if n]
    if not faults and rows < LEAST_FOR_VALIDATION:
        faults.append(reason("few_for_validation", rows=rows, least=LEAST_FOR_VALIDATION))
    figures = {"rows": rows, "share": share, "leaked": leaked, "least": LEAST_FOR_VALIDATION}
    return found(faults, reason("validation_split", rows=rows), figures, measured.inputs())


def statistics(about: About) -> Finding:
    measured = Measured(about)
    if not measured.data:
        return failed("no_data")
    faults, figures = measured.unmeasured(), {}
    for version, checks in measured.each():
        lengths = checks["lengths"]["characters"]
        if not lengths:
            faults.append(reason("no_lengths", data=str(version)))
            continue
        figures[str(version)] = {
            "rows": checks["lengths"]["rows"],
            "mean": lengths["mean"],
            "percentiles": lengths["percentiles"],
        }
    return found(faults, reason("data_statistics"), {"characters": figures}, measured.inputs())


def personal(about: About) -> Finding:
    """What a report finds decides; without one, that it was anonymised is enough."""
    measured = Measured(about)
    if not measured.data:
        return failed("no_data")
    anonymised = {str(version) for version in measured.data if was_anonymised(version)}
    faults = [fault for fault in measured.unmeasured() if fault.values["data"] not in anonymised]
    rows = {str(version): checks["personal"]["rows"] for version, checks in measured.each()}
    faults += [reason("personal_rows", data=name, rows=n) for name, n in rows.items() if n]
    figures = {"rows": rows, "anonymised": sorted(anonymised)}
    return found(faults, reason("no_personal_data"), figures, measured.inputs())


def licensed(about: About) -> Finding:
    """Of the data of the run and of all runs whose models it starts from."""
    runs = lineage.runs_of(about.run)
    versions = lineage.versions_of(runs).values()
    known = {str(version): version.dataset.licence for version in versions}
    faults = [fault for data, text in known.items() if (fault := fault_of(data, text))]
    if not known:
        faults.append(reason("no_data"))
    bases = {
        part["name"]: part["licence"]
        for run in runs
        for part in map(lineage.of_base, lineage.bases_of(run).values())
        if not part["is_ours"]
    }
    figures = {"data": known, "base_models": bases}
    inputs = {str(version): version.sha256 for version in versions}
    open_bases = sorted(name for name, text in bases.items() if not text)
    if open_bases and not faults:
        return undecided("base_licence_unknown", figures, models=open_bases)
    named = sorted({*known.values(), *bases.values()} - {""})
    return found(faults, reason("licences_known", licences=named), figures, inputs)


def fault_of(data: str, licence: str) -> Reason | None:
    if not licence:
        return reason("no_licence", data=data)
    try:
        licences.normalised(licence)
    except ValidationError:
        return reason("not_spdx", data=data, licence=licence)
    return None


CHECKS = (
    Check(
        name="data-clean",
        version=1,
        title=_("Duplicates in the data"),
        proves=_(
            "The report of exactly these versions found at most 1 % of the rows repeated, exactly "
            "or nearly; or the versions were made by removing such rows."
        ),
        leaves_open=_("Whether the rows are any good: nobody has read them."),
        parts=(Part.DATA,),
        look=clean,
    ),
    Check(
        name="validation-split",
        version=1,
        title=_("Validation split apart"),
        proves=_(
            "With the run's own share at least 1,000 rows are kept out of training, and none of "
            "them shares 13 words in a row with a row that is trained on."
        ),
        leaves_open=_("Whether these rows are like what the model will meet."),
        parts=(Part.DATA, Part.RECIPE),
        look=validation_split,
    ),
    Check(
        name="data-statistics",
        version=1,
        title=_("Statistics of the data"),
        proves=_("The lengths of all rows were measured, with their distribution."),
        leaves_open=_("Whether they are what was expected."),
        parts=(Part.DATA,),
        look=statistics,
    ),
    Check(
        name="personal-data",
        version=1,
        title=_("Personal data"),
        proves=_(
            "No e-mail address, telephone number, IP address, account, card or identity number "
            "was found in the rows, or they were replaced."
        ),
        leaves_open=_("Names, addresses of houses, and what only a person would recognise."),
        parts=(Part.DATA,),
        look=personal,
    ),
    Check(
        name="licences",
        version=1,
        title=_("Licences"),
        proves=_("Each dataset and each base model has a licence that SPDX knows."),
        leaves_open=_("Whether the licence is the right one, and allows what you intend."),
        parts=(Part.DATA, Part.BASE_MODEL, Part.LICENCE),
        look=licensed,
    ),
)
