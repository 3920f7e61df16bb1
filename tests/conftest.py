"""Real servers for the tests: up, and known to Django, before the first test is imported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests import servers

BROWSER = "tests/e2e/"

# Here and not in a hook: the conftests of the folders below import models.
servers.enter_session()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Workers read the settings after each has a HUB_DATA of its own, not as soon as they start."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What one process has to do alone comes first: the others have enough to do meanwhile."""
    items.sort(key=lambda item: not item.nodeid.startswith(BROWSER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests run in one process, which makes once what they share; all that a browser does
    in one process, which starts one hub."""
    from xdist.scheduler.loadfile import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return BROWSER if nodeid.startswith(BROWSER) else super()._split_scope(nodeid)

    return Files(config, log)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    servers.leave_session()


@pytest.fixture(autouse=True)
def plain_static_files(request, settings):
    """Pages name files without a build; tests of the build ask for `built_static_files`."""
    if "built_static_files" not in request.fixturenames:
        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def built_static_files():
    """Leaves the storage that names files by their hashes."""


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """Each xdist worker copies one migrated database instead of migrating its own."""
    from django.conf import settings

    template = servers.migrated_template()
    if template:
        settings.DATABASES["default"].setdefault("TEST", {})["TEMPLATE"] = template


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb):
    """Databases on a server of our own go when it goes."""
    return django_db_keepdb or servers.are_ours()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """Between tests that commit, Django truncates all tables; some refuse it unless it is meant."""
    from django.db.backends.postgresql.operations import DatabaseOperations

    flush = DatabaseOperations.execute_sql_flush

    def meant(self, statements):
        flush(self, ["SET LOCAL llmhub.allow_truncate = 'on'", *statements])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", meant)
        yield


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """A project with one of everything, made once for all tests of a file: that takes longer than
    what most of them do with it, and is taken back after each."""
    from django.core.management import call_command

    from tests.test_access_matrix import make_world

    with django_db_blocker.unblock():
        yield make_world()
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def atlas(db):
    """A project; some folders have people of their own in theirs."""
    from tests.factories import make_project

    return make_project("atlas")


@pytest.fixture
def alice(atlas):
    """A member of it."""
    from llmhub.accounts.models import Role
    from tests.factories import join, make_user

    return join(make_user("alice@example.com"), atlas, Role.MEMBER).user


@pytest.fixture(scope="session")
def hub_data() -> Path:
    """HUB_DATA of this test process."""
    return Path(os.environ["HUB_DATA"])
