from __future__ import annotations

import pytest
from django.test import Client

from llmhub.accounts.models import Role
from tests.factories import join, make_project, make_user


@pytest.fixture
def project():
    return make_project("atlas")


@pytest.fixture
def alice(project):
    user = make_user("alice@example.com")
    join(user, project, Role.MEMBER)
    return user


@pytest.fixture
def client(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def viewer(project) -> Client:
    vera = make_user("vera@example.com")
    join(vera, project, Role.VIEWER)
    client = Client()
    client.force_login(vera)
    return client
