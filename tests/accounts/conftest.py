"""Alice administers the project Atlas, Bob is a member of it, Charlie works elsewhere."""

import pytest
from django.test import Client

from llmhub.accounts import tokens
from llmhub.accounts.models import ApiToken, Project, Role, Scope, User
from tests.factories import join, make_project, make_user


@pytest.fixture
def atlas(db) -> Project:
    return make_project("atlas")


@pytest.fixture
def alice(atlas: Project) -> User:
    user = make_user("alice@example.com")
    join(user, atlas, Role.ADMIN)
    return user


@pytest.fixture
def bob(atlas: Project) -> User:
    user = make_user("bob@example.com")
    join(user, atlas, Role.MEMBER)
    return user


@pytest.fixture
def charlie(db) -> User:
    user = make_user("charlie@example.com")
    join(user, make_project("borealis"), Role.ADMIN)
    return user


@pytest.fixture
def as_alice(alice: User) -> Client:
    return signed_in(alice)


@pytest.fixture
def as_bob(bob: User) -> Client:
    return signed_in(bob)


@pytest.fixture
def as_charlie(charlie: User) -> Client:
    return signed_in(charlie)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def opened(secret: str, scope: Scope = Scope.READ) -> ApiToken:
    token = tokens.authenticate(secret, scope)
    assert token
    return token
