import pytest

from llmhub.accounts.models import Role
from llmhub.runs.states import State
from tests.factories import PASSWORD, join, make_project, make_run, make_user


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """People type their passwords in every other test here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def atlas(db):
    return make_project("atlas")


def person(project, name, role):
    user = make_user(f"{name}@example.com", PASSWORD)
    join(user, project, role)
    return user


@pytest.fixture
def ada(atlas):
    """Who launches."""
    return person(atlas, "ada", Role.MEMBER)


@pytest.fixture
def ben(atlas):
    return person(atlas, "ben", Role.MEMBER)


@pytest.fixture
def cleo(atlas):
    return person(atlas, "cleo", Role.APPROVER)


@pytest.fixture
def dan(atlas):
    return person(atlas, "dan", Role.ADMIN)


@pytest.fixture
def waiting(atlas, ada):
    """A run of Ada that waits for its sign-off."""
    return make_run(atlas, State.AWAITING_SIGN_OFF, created_by=ada, queued_at=None)
