"""People judge blindly; closed, a review is an evaluation of each version."""

from __future__ import annotations

import pytest
from django.test import Client

from llmhub.accounts.models import Role
from llmhub.registry import evaluation_board, reviewing
from llmhub.registry.models import Review
from tests.factories import (
    join,
    make_evaluation,
    make_evaluation_task,
    make_model_version,
    make_run,
    make_user,
)

pytestmark = pytest.mark.django_db

FACTS = {"name": "Which is kinder?", "question": "Which answer is kinder?"}


@pytest.fixture
def bob(project):
    user = make_user("bob@example.com")
    join(user, project, Role.MEMBER)
    return user


@pytest.fixture
def pair(project):
    """Two versions whose answers say whose they are, for the test's eyes."""
    first = make_model_version(make_run(project))
    second = make_model_version(first.run, first.model)
    task = make_evaluation_task(project, "suite")
    both = [make_evaluation(version, task, "1" * 12) for version in (first, second)]
    for name, evaluation in zip(("first", "second"), both, strict=True):
        evaluation.items.update(answer=name)
    return both


@pytest.fixture
def review(pair, alice, bob):
    return reviewing.open_review(alice, FACTS, pair[0], pair[1], [alice, bob], 12)


def judge_all(review, person, wanted: str) -> None:
    """`wanted`: the answer that the person finds better."""
    while asked := reviewing.next_question(review, person):
        said = "a" if asked.answers[0] == wanted else "b"
        reviewing.judge(review, person, asked.position, said)


def test_the_better_answer_counts_for_its_version_on_whatever_side_it_was(review, alice, bob):
    judge_all(review, alice, "second")
    first, second = reviewing.close(review, alice)
    assert (first.figures["score"]["value"], second.figures["score"]["value"]) == (0.0, 1.0)
    assert second.version_id == review.second.version_id
    assert second.figures["items"] == second.items.count() == 12


def test_sides_and_order_differ_by_person(review, alice, bob):
    assert review.order_for(alice) != review.order_for(bob)
    assert sorted(review.order_for(alice)) == sorted(review.order_for(bob)) == list(range(12))
    sides = {review.is_swapped(person, i) for person in (alice, bob) for i in range(12)}
    assert sides == {True, False}


def test_two_people_who_disagree_share_the_win_and_agree_on_nothing(review, alice, bob):
    judge_all(review, alice, "second")
    judge_all(review, bob, "first")
    first, second = reviewing.close(review, alice)
    assert first.figures["score"]["value"] == second.figures["score"]["value"] == 0.5
    assert first.figures["agreement"]["share"] == 0
    assert first.figures["agreement"]["alpha"] < 0
    assert first.figures["people"] == 2


def test_krippendorffs_alpha_as_published(project, pair, alice, bob):
    """Krippendorff 2011, “Computing Krippendorff's Alpha-Reliability”, section A: 0.095."""
    review = reviewing.open_review(alice, FACTS, pair[0], pair[1], [alice, bob], 12)
    meg, owen = "0100000010", "1110010000"
    shared = [{1: int(a), 2: int(b)} for a, b in zip(meg, owen, strict=True)]
    assert reviewing.alpha(review, shared) == pytest.approx(0.095, abs=5e-4)


def test_ratings_have_a_mean(pair, alice, bob):
    review = reviewing.open_review(alice, FACTS, pair[0], None, [alice], 4)
    for said in "5432":
        asked = reviewing.next_question(review, alice)
        reviewing.judge(review, alice, asked.position, said)
    assert reviewing.next_question(review, alice) is None
    (found,) = reviewing.close(review, alice)
    assert found.figures["score"]["value"] == 3.5
    assert found.figures["agreement"]["share"] is None


def test_a_verdict_said_again_is_changed_and_a_closed_review_takes_none(review, alice):
    reviewing.judge(review, alice, 0, "a")
    reviewing.judge(review, alice, 0, "tie")
    assert [verdict.value for verdict in review.verdicts.all()] == [0]
    reviewing.close(review, alice)
    review.refresh_from_db()
    for position, said in ((1, "a"), (0, "b")):
        with pytest.raises(reviewing.Refused):
            reviewing.judge(review, alice, position, said)
    with pytest.raises(reviewing.Refused):
        reviewing.close(review, alice)


@pytest.mark.parametrize(("position", "said"), [(99, "a"), (-1, "a"), (0, "5"), (0, "")])
def test_what_cannot_be_said_is_refused(review, alice, position, said):
    with pytest.raises(reviewing.Refused):
        reviewing.judge(review, alice, position, said)


def test_answers_that_were_not_written_are_not_judged(pair, alice):
    pair[1].items.filter(position__lt=10).update(is_beyond=True)
    review = reviewing.open_review(alice, FACTS, pair[0], pair[1], [alice], 12)
    assert review.positions == [10, 11]
    pair[0].items.update(is_beyond=True)
    with pytest.raises(reviewing.Refused, match="no answer to judge"):
        reviewing.open_review(alice, FACTS, pair[0], pair[1], [alice], 12)
    assert Review.objects.count() == 1


def test_the_page_does_not_tell_whose_an_answer_is(client, review, pair):
    page = client.get(f"/evaluations/reviews/{review.pk}/judge/").content.decode()
    assert "A is better" in page
    for evaluation in pair:
        assert str(evaluation.version) not in page


def test_a_review_goes_from_page_to_page_to_a_column_of_the_board(client, alice, bob, pair):
    address = f"/evaluations/reviews/new/?first={pair[0].pk}&second={pair[1].pk}"
    made = client.post(address, FACTS | {"people": [alice.pk, bob.pk], "limit": 2})
    review = Review.objects.get()
    assert made["Location"] == f"/evaluations/reviews/{review.pk}/"
    judging = f"/evaluations/reviews/{review.pk}/judge/"
    for position in review.positions:
        client.post(judging, {"position": position, "said": "a"})
    assert client.get(judging).status_code == 302
    assert "2 of 2" in client.get(made["Location"]).content.decode()
    client.post(f"/evaluations/reviews/{review.pk}/close/")
    page = client.get(made["Location"]).content.decode()
    assert "Comparisons won" in page
    board = evaluation_board.board(pair[0].version.model, None)
    assert FACTS["name"] in [str(task) for task in board.tasks]
    for result in review.results.all():
        assert client.get(f"/evaluations/{result.pk}/").status_code == 200
    assert FACTS["name"] not in client.get("/evaluations/new/").content.decode()


def test_others_do_not_judge(review, project):
    carol = make_user("carol@example.com")
    join(carol, project, Role.MEMBER)
    client = Client()
    client.force_login(carol)
    assert client.get(f"/evaluations/reviews/{review.pk}/judge/").status_code == 403


def test_a_wish_without_people_stays_typed(client, pair):
    answer = client.post(f"/evaluations/reviews/new/?first={pair[0].pk}", FACTS | {"limit": 5})
    assert answer.status_code == 422
    assert FACTS["question"] in answer.content.decode()


def test_viewers_see_how_far_it_is(viewer, review):
    assert viewer.get(f"/evaluations/reviews/{review.pk}/").status_code == 200
    assert viewer.get("/evaluations/reviews/").status_code == 200
