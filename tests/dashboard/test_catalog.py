from __future__ import annotations

from django.urls import reverse


def test_the_texts_of_the_scripts_are_fetched_once_an_hour(client):
    response = client.get(reverse("javascript-catalog"), {"language": "en"})
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "private, max-age=3600"
