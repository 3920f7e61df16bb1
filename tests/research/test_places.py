"""The index of concepts leads to tracks and hypotheses."""

import pytest

from llmhub.reference.places import Asked, Subject
from llmhub.research import places
from tests.factories import make_hypothesis, make_project

pytestmark = pytest.mark.django_db


def test_a_concept_lives_in_its_tracks_and_in_the_hypotheses_of_them(
    alice, atlas, django_assert_num_queries
):
    make_hypothesis(atlas, "In its track", track="efficiency")
    make_hypothesis(atlas, "By its metric", metric="val/loss")
    make_hypothesis(atlas, "Something else", track="multimodality")
    make_hypothesis(make_project("elsewhere"), "Theirs", track="efficiency")
    subjects = [
        Subject("quantization", tracks=("efficiency",), metrics=("val/loss",)),
        Subject("rag"),
    ]
    asked = Asked(alice, atlas)
    with django_assert_num_queries(1):
        found = places.hypotheses(subjects, asked).found
    assert {place.title for place in found["quantization"].places} == {
        "In its track",
        "By its metric",
    }
    assert "rag" not in found
    tracks = places.research_tracks(subjects, asked).found["quantization"].places
    assert "/research/tracks/efficiency/" in [place.url for place in tracks]


def test_the_number_is_that_of_the_list_it_leads_to(as_alice, alice, atlas):
    for number in range(7):
        make_hypothesis(atlas, f"Efficient {number}", track="efficiency")
    make_hypothesis(atlas, "Something else", track="multimodality")
    asked = Asked(alice, atlas)
    subject = Subject("quantization", tracks=("efficiency",), metrics=("val/loss",))
    found = places.hypotheses([subject], asked).found["quantization"]
    assert (found.number, len(found.places), found.left) == (7, 5, 2)
    assert found.places[0].title == "Efficient 6"
    assert len(as_alice.get(found.url).context["rows"]) == found.number
    make_hypothesis(atlas, "By its metric", metric="val/loss")
    found = places.hypotheses([subject], asked).found["quantization"]
    assert (found.number, found.url) == (8, "")
