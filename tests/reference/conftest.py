"""Alice, Bob and Charlie as in the tests of the accounts, and Vera, who only looks."""

import pytest
from django.test import Client

from llmhub.accounts.models import Project, Role, User
from llmhub.recipes import services
from llmhub.recipes.models import RecipeVersion
from tests.accounts.conftest import alice, as_bob, atlas, bob, charlie  # noqa: F401
from tests.factories import join, make_user


@pytest.fixture
def vera(atlas: Project) -> User:  # noqa: F811
    user = make_user("vera@example.com")
    join(user, atlas, Role.VIEWER)
    return user


@pytest.fixture
def client(vera: User) -> Client:
    """Vera's browser."""
    browser = Client()
    browser.force_login(vera)
    return browser


@pytest.fixture
def gpt2(db: None) -> RecipeVersion:
    services.sync()
    return RecipeVersion.objects.get(recipe__slug="gpt2-125m")
