from tests.accounts.conftest import alice, atlas  # noqa: F401
