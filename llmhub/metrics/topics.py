"""Who may watch what; asked when a page subscribes and again every minute."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from llmhub.accounts.models import Project, User
from llmhub.jobs.models import Job
from llmhub.metrics.models import Stream
from llmhub.runs.models import Run

NUMBERED = re.compile(r"(run|project|job)\.([1-9][0-9]{0,17})\Z", re.ASCII)
PROBE = re.compile(r"probe\.[0-9a-f]{64}\Z")


def allowed(session_key: str | None, topics: Iterable[str]) -> set[str]:
    """Those of the topics that the person of a session may watch now."""
    topics = set(topics)
    user = user_of(session_key)
    if user is None:
        return set()
    numbered = [match for topic in topics if (match := NUMBERED.match(topic))]
    runs = {int(match[2]) for match in numbered if match[1] == "run"}
    jobs = {int(match[2]) for match in numbered if match[1] == "job"}
    projects = {int(match[2]) for match in numbered if match[1] == "project"}
    visible_runs = Run.objects.visible_to(user).filter(pk__in=runs)
    visible_jobs = Job.objects.visible_to(user).filter(pk__in=jobs)
    visible_projects = Project.objects.visible_to(user).filter(pk__in=projects)
    return {
        *(f"run.{pk}" for pk in visible_runs.values_list("pk", flat=True)),
        *(f"job.{pk}" for pk in visible_jobs.values_list("pk", flat=True)),
        *(f"project.{pk}" for pk in visible_projects.values_list("pk", flat=True)),
        # A probe tells how much memory a config needs, and its name is the hash of the config.
        *(topic for topic in topics if PROBE.match(topic)),
    }


def revisions(topics: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Of each run among the topics: the epoch and the revision of its points."""
    numbered = [match for topic in topics if (match := NUMBERED.match(topic))]
    runs = {int(match[2]) for match in numbered if match[1] == "run"}
    streams = Stream.objects.filter(pk__in=runs).values_list("pk", "epoch", "rev")
    known = {pk: (epoch, rev) for pk, epoch, rev in streams}
    return {f"run.{pk}": known.get(pk, (0, 0)) for pk in runs}


def user_of(session_key: str | None) -> User | None:
    """The person who is still signed in: their session, account and password are what they were."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = User.objects.filter(pk=session.get(SESSION_KEY, 0), is_active=True).first()
    if user is None:
        return None
    is_same = constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
    return user if is_same else None
