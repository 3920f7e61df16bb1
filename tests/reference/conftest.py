import pytest

from llmhub.recipes import services
from llmhub.recipes.models import RecipeVersion
from tests.accounts.conftest import alice, as_bob, atlas, bob, charlie  # noqa: F401


@pytest.fixture
def gpt2(db) -> RecipeVersion:
    services.sync()
    return RecipeVersion.objects.get(recipe__slug="gpt2-125m")
