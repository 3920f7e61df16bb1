import pytest

from tests.house import House, await_step, make_long_run


@pytest.fixture
def house(transactional_db, tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def run(house):
    """A run at work, trained by the real trainer."""
    run = make_long_run()
    house.start()
    await_step(run)
    return run
