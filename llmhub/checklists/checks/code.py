"""Whether the same code, with the same values, would do the same again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from llmhub.checklists.checks import junit
from llmhub.checklists.checks.base import About, Check, Finding, failed, found, undecided
from llmhub.checklists.checks.infrastructure import able
from llmhub.checklists.items import Part
from llmhub.checklists.models import Evidence, EvidenceKind
from llmhub.checklists.reasons import Reason, reason
from llmhub.registry.lineage import CODE
from llmhub.runs.models import Worker

# `name[extras]==version`, as a line of requirements.txt.
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^;\s]+)")
# How the hub's workers mark a commit that somebody has changed since.
CHANGED = "+"
COMMIT_IN_NOTE = re.compile(r"\bcommit:? ?([0-9a-f]{7,64})\b", re.IGNORECASE)
# Shown of a commit, and enough to tell two apart.
SHORT = 12


def reproducible(about: About) -> Finding:
    workers = able(about)
    if not workers:
        return failed("no_worker")
    seed = about.spec.training.seed
    pins, loose = requirements()
    faults = [*differing(workers), *not_as_pinned(workers, pins)]
    if loose:
        faults.append(reason("not_pinned", packages=loose))
    figures = {"seed": seed, "versions": {worker.name: worker.versions for worker in workers}}
    return found(faults, reason("reproducible", seed=str(seed)), figures)


def differing(workers: list[Worker]) -> Iterable[Reason]:
    for name in sorted({name for worker in workers for name in worker.versions}):
        versions = {worker.name: worker.versions.get(name, "–") for worker in workers}
        if len({*versions.values()}) > 1:
            each = [f"{worker}: {version}" for worker, version in versions.items()]
            yield reason("environments_differ", what=name, found=each)


def not_as_pinned(workers: list[Worker], pins: dict[str, str]) -> Iterable[Reason]:
    for worker in workers:
        for package, version in worker.versions.items():
            # torch says of which kind it is: 2.13.0+cu130.
            if package in pins and version.partition("+")[0] != pins[package]:
                yield reason(
                    "not_as_pinned",
                    worker=worker.name,
                    package=package,
                    found=version,
                    pinned=pins[package],
                )


@cache
def requirements() -> tuple[dict[str, str], list[str]]:
    """Versions by package, and the lines that pin none."""
    text = (settings.BASE_DIR / "requirements.txt").read_text()
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    matches = {line: PINNED.match(line) for line in lines if line and not line.startswith("-")}
    pins = {match[1].lower(): match[2] for match in matches.values() if match}
    return pins, [line for line, match in matches.items() if not match]


def versioned(about: About) -> Finding:
    workers, recipe = able(about), about.run.recipe_version
    if not workers:
        return failed("no_worker")
    faults = [] if recipe else [reason("not_frozen")]
    faults += commit_faults(workers)
    commits = {worker.name: worker.versions.get(CODE, "") for worker in workers}
    commit = next(iter(commits.values()))
    figures = {"commits": commits, "recipe": str(recipe)}
    in_order = reason("configuration_versioned", recipe=str(recipe), commit=commit)
    return found(faults, in_order, figures)


def commit_faults(workers: list[Worker]) -> Iterable[Reason]:
    for worker in workers:
        commit = worker.versions.get(CODE, "")
        if not commit:
            yield reason("commit_unknown", worker=worker.name)
        elif commit.endswith(CHANGED):
            yield reason("commit_changed", worker=worker.name, commit=commit.rstrip(CHANGED))
    commits = sorted({worker.versions.get(CODE, "") for worker in workers} - {""})
    if len(commits) > 1:
        yield reason("commits_differ", commits=commits)


def commits_of(about: About) -> set[str]:
    """Of the code that would do the run."""
    return {worker.versions.get(CODE, "") for worker in able(about)} - {""}


def unit_tests(about: About) -> Finding:
    attached = newest_file(about)
    if attached is None:
        return failed("no_junit")
    try:
        totals = junit.read(junit.content_of(attached))
    except junit.NotJUnit as error:
        return failed("bad_junit", file=attached.file_name, detail=str(error))
    return judge_tests(about, attached, totals)


def newest_file(about: About) -> Evidence | None:
    files = Evidence.objects.filter(kind=EvidenceKind.FILE)
    return files.filter(checklist=about.checklist, item=about.item.key).first()


def commit_in(note: str) -> str:
    """As a CI sends it, or a person writes it down."""
    told = COMMIT_IN_NOTE.search(note)
    return told[1] if told else ""


def judge_tests(about: About, file: Evidence, totals: junit.Totals) -> Finding:
    commit = commit_in(file.note) or totals.commit
    figures: dict[str, Any] = totals.as_json() | {"commit": commit}
    inputs = {file.file_name or "junit.xml": file.file_sha256}
    wanted = commits_of(about)
    faults = []
    if not totals.ran:
        faults.append(reason("no_tests", file=file.file_name))
    if totals.broken:
        faults.append(
            reason(
                "tests_failed", failed=totals.broken, tests=totals.tests, first=totals.first_broken
            )
        )
    if commit and wanted and not any(is_same(commit, other) for other in wanted):
        faults.append(reason("tests_of_other_commit", found=commit[:SHORT], wanted=sorted(wanted)))
    if not faults and not (commit and wanted):
        return undecided("tests_of_unknown_commit", figures, inputs, tests=totals.ran)
    in_order = reason("tests_passed", tests=totals.ran, commit=commit[:SHORT])
    return found(faults, in_order, figures, inputs)


def is_same(one: str, other: str) -> bool:
    """One may be shortened. What somebody has changed since is no commit."""
    length = min(len(one), len(other))
    return length >= 7 and one[:length].lower() == other[:length].lower()


CHECKS = (
    Check(
        name="reproducible",
        version=1,
        title=_("Reproducible"),
        proves=_(
            "The run has a seed, every worker that can take it reports the same versions, and "
            "these are the ones that requirements.txt pins."
        ),
        leaves_open=_("Different devices round differently, and drivers are not compared."),
        parts=(Part.RECIPE, Part.CODE, Part.ENVIRONMENT),
        look=reproducible,
    ),
    Check(
        name="unit-tests",
        version=1,
        title=_("Unit tests"),
        proves=_(
            "The attached JUnit file says that all tests passed on the commit of the workers."
        ),
        leaves_open=_("Whether the tests test anything, and whether the file was written by them."),
        parts=(Part.CODE,),
        look=unit_tests,
    ),
    Check(
        name="configuration-versioned",
        version=1,
        title=_("Configuration and code"),
        proves=_(
            "The run comes from a version of a recipe that never changes, and the workers' code "
            "is one commit that nobody has changed since."
        ),
        leaves_open=_("Whether that commit was ever pushed to anybody else."),
        parts=(Part.RECIPE, Part.CODE),
        look=versioned,
    ),
)
