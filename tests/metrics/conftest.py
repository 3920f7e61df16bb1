"""A run of a project, an attempt that reports of it, and somebody who may look."""

from __future__ import annotations

import pytest
from django.test import Client

from llmhub.accounts.models import Project, Role
from llmhub.runs.models import Attempt, Run
from tests.factories import join, make_attempt, make_project, make_run, make_user


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def run(project: Project) -> Run:
    return make_run(project)


@pytest.fixture
def opened(run: Run) -> tuple[Attempt, str]:
    """The attempt, and the token that opens it."""
    return make_attempt(run)


@pytest.fixture
def attempt(opened: tuple[Attempt, str]) -> Attempt:
    return opened[0]


@pytest.fixture
def secret(opened: tuple[Attempt, str]) -> str:
    return opened[1]


@pytest.fixture
def viewer(client: Client, project: Project) -> Client:
    client.force_login(join(make_user(), project, Role.VIEWER).user)
    return client
