from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from llmhub.reference import places


@pytest.mark.parametrize("path", ["llmhub.nowhere.places", "llmhub.reference.places.nobody"])
def test_a_hub_whose_places_cannot_be_asked_does_not_start(settings, path):
    settings.REFERENCE_PLACES = [path]
    with pytest.raises(ImproperlyConfigured, match=path):
        places.providers()
