import pytest

from llmhub.accounts.models import Project, Role, User
from tests.factories import join, make_project, make_user


@pytest.fixture
def atlas(db: None) -> Project:
    return make_project("atlas")


@pytest.fixture
def alice(atlas: Project) -> User:
    user = make_user("alice@example.com")
    join(user, atlas, Role.MEMBER)
    return user
