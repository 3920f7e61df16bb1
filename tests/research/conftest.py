"""Alice, who is a member, and Vera, who only looks."""

import pytest
from django.test import Client

from llmhub.accounts.models import Project, Role, User
from tests.factories import join, make_user


@pytest.fixture
def as_alice(alice: User) -> Client:
    browser = Client()
    browser.force_login(alice)
    return browser


@pytest.fixture
def as_vera(atlas: Project) -> Client:
    user = make_user("vera@example.com")
    join(user, atlas, Role.VIEWER)
    browser = Client()
    browser.force_login(user)
    return browser
