import pytest
from django.test import Client

from llmhub.accounts.models import Project, Role, User
from tests.factories import join, make_project, make_user


@pytest.fixture
def atlas(db: None) -> Project:
    return make_project("atlas")


@pytest.fixture
def vera(atlas: Project) -> User:
    user = make_user("vera@example.com")
    join(user, atlas, Role.VIEWER)
    return user


@pytest.fixture
def client(vera: User) -> Client:
    browser = Client()
    browser.force_login(vera)
    return browser
