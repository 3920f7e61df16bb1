from __future__ import annotations

import pytest
from django.test import Client

from llmhub.accounts.models import Membership, Project, Role, User
from llmhub.search import finding, typed
from tests.factories import join, make_project, make_user


@pytest.fixture
def atlas(db) -> Project:
    return make_project("atlas")


@pytest.fixture
def alice(atlas) -> User:
    user = make_user()
    join(user, atlas, Role.MEMBER)
    return user


@pytest.fixture
def browser(alice) -> Client:
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def search(atlas, alice):
    """What Alice finds, best first: kind and title."""

    def found(text: str, most: int = 20) -> list[tuple[str, str]]:
        memberships = Membership.objects.filter(user=alice).select_related("project")
        seen = finding.Seen.by(memberships, atlas)
        return [(hit.kind, hit.title) for hit in finding.find(seen, typed.read(text), most)]

    return found
