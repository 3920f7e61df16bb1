from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, StorageState

from tests.e2e import browser as browsers
from tests.e2e.hub import RunningHub, running_hub


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


# Not for the whole session: while playwright lives, Django takes its event loop for ours and
# refuses every query of the tests that follow in this process.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def signed_in(hub: RunningHub, chromium: Browser) -> StorageState:
    """The first administrator's cookies: a link for each test would take seconds each time."""
    context = chromium.new_context()
    browsers.sign_in(context.new_page(), hub.sign_in_link())
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(hub: RunningHub, chromium: Browser, signed_in: StorageState) -> Iterator[Page]:
    """The first administrator's browser. At the end it must not have complained of anything."""
    context = chromium.new_context(**browsers.WIDE, storage_state=signed_in)
    complaints = browsers.Complaints(context)
    page = context.new_page()
    page.goto(hub.url)
    yield page
    context.close()
    assert complaints == []
