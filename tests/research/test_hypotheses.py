"""What a team does with its hypotheses: writes, decides, opens again, and links runs."""

import html

import pytest
from django.test import Client
from django.urls import reverse

from llmhub.accounts.models import AuditEntry, Role
from llmhub.research import evidence, services
from llmhub.research.models import Act, Hypothesis, LinkedRun, Part, State
from llmhub.runs import organise
from llmhub.runs.models import Run
from tests.factories import join, make_hypothesis, make_project, make_run, make_user
from tests.research.seeded import ended

pytestmark = pytest.mark.django_db

WRITTEN = {
    "statement": "A warm-up lowers the loss",
    "metric": "val/loss",
    "direction": "lower",
    "threshold": "0.02",
    "reading": "last",
}


IN_FRENCH = {"accept-language": "fr"}


def page(found):
    return reverse("hypothesis", args=[found.pk])


def text(answer):
    return html.unescape(answer.content.decode())


def test_a_hypothesis_is_written_and_told(as_alice, alice, atlas):
    made = {**WRITTEN, "owner": alice.pk, "notes": "Because **of this**."}
    answer = as_alice.post(reverse("hypothesis-new"), made)
    found = Hypothesis.objects.get()
    assert answer.url == page(found)
    assert (found.project, found.created_by, found.owner) == (atlas, alice, alice)
    shown = text(as_alice.get(page(found)))
    assert "val/loss is lower than the baseline by at least 0.02" in shown
    assert "<strong>of this</strong>" in shown


def test_the_form_stays_with_the_project_in_which_it_was_opened(as_alice, alice, atlas):
    opened = as_alice.get(reverse("hypothesis-new"))
    join(alice, make_project("borealis"), Role.MEMBER)
    as_alice.get(reverse("research"), {"project": "borealis"})
    as_alice.post(opened.context["address"], WRITTEN)
    assert Hypothesis.objects.get().project == atlas


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"statement": ""}, "statement"),
        ({"metric": "no metric"}, "metric"),
        ({"metric": ""}, "metric"),
        ({"direction": ""}, "direction"),
        ({"threshold": "-1"}, "threshold"),
        ({"threshold": "nan"}, "threshold"),
        ({"threshold": "1_000"}, "threshold"),
        ({"track": "no-such"}, "track"),
        ({"statement": "x\0"}, "statement"),
        ({"statement": "\u200b"}, "statement"),
        ({"statement": "x\u202ey"}, "statement"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_typed_is_lost(as_alice, typed, field):
    answer = as_alice.post(reverse("hypothesis-new"), {**WRITTEN, "notes": "kept", **typed})
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert "kept" in text(answer)
    assert not Hypothesis.objects.exists()


def test_the_spaces_of_french_are_seen(as_alice):
    said = "La perte baisse de 5\u202f%\u00a0: «\u00a0oui\u00a0»"
    as_alice.post(reverse("hypothesis-new"), {**WRITTEN, "statement": said})
    assert Hypothesis.objects.get().statement == said


def test_new_lines_count_once(as_alice):
    lines = "\r\n".join(["x"] * 25_000)
    as_alice.post(reverse("hypothesis-new"), {**WRITTEN, "notes": lines})
    assert Hypothesis.objects.get().notes == lines.replace("\r\n", "\n")


def test_the_second_of_two_editors_is_told_and_loses_nothing(as_alice, alice, atlas):
    found = make_hypothesis(atlas, created_by=alice)
    edit = reverse("hypothesis-edit", args=[found.pk])
    opened = {**WRITTEN, "base": as_alice.get(edit).context["form"].initial["base"]}
    assert as_alice.post(edit, {**opened, "statement": "The first says"}).status_code == 302
    second = as_alice.post(edit, {**opened, "statement": "The second says"})
    assert second.status_code == 422
    shown = text(second)
    assert "changed it meanwhile" in shown
    assert "The first says" in shown
    assert 'value="The second says"' in shown
    found.refresh_from_db()
    assert found.statement == "The first says"
    odd = as_alice.post(edit, {**opened, "statement": "The second says", "base": "x"})
    assert "changed it meanwhile" in text(odd)
    base = second.context["form"]["base"].value()
    assert as_alice.post(edit, {**opened, "statement": "The second says", "base": base}).url
    found.refresh_from_db()
    assert found.statement == "The second says"
    assert [event.act for event in found.events.all()] == [Act.EDITED, Act.EDITED]


def test_numbers_and_choices_are_told_in_the_readers_words(as_alice, atlas):
    as_alice.post(reverse("hypothesis-new"), {**WRITTEN, "threshold": "0,02"}, headers=IN_FRENCH)
    found = Hypothesis.objects.get()
    assert found.threshold == 0.02
    edit = reverse("hypothesis-edit", args=[found.pk])
    assert 'value="0,02"' in text(as_alice.get(edit, headers=IN_FRENCH))
    as_alice.post(edit, {**WRITTEN, "direction": "higher", "threshold": "0.5", "base": 1})
    shown = text(as_alice.get(page(found), headers=IN_FRENCH))
    assert "by at least 0,5" in shown
    assert "<del>0,02</del> → <ins>0,5</ins>" in shown
    assert "<del>lower than the baseline</del> → <ins>higher than the baseline</ins>" in shown


def test_saving_what_holds_already_changes_nothing(as_alice, atlas):
    found = make_hypothesis(atlas, WRITTEN["statement"])
    edit = reverse("hypothesis-edit", args=[found.pk])
    as_alice.post(edit, {"statement": found.statement, "base": 1})
    found.refresh_from_db()
    assert found.revision == 1
    assert not found.events.exists()


def close(client, found, base=1, **typed):
    said = {"state": "supported", "conclusion": "It does.", "base": base} | typed
    return client.post(reverse("hypothesis-close", args=[found.pk]), said)


def test_a_conclusion_is_needed_to_close_and_is_kept_with_its_figures(as_alice, alice, atlas):
    base, variant = ended(atlas, 3.0), ended(atlas, 2.5, rate=2e-3)
    found = make_hypothesis(
        atlas, baselines=[base], variants=[variant], metric="val/loss", direction="lower"
    )
    refused = close(as_alice, found, conclusion=" ")
    assert refused.status_code == 422
    assert Hypothesis.objects.get().state == State.OPEN
    close(as_alice, found)
    found = Hypothesis.objects.get()
    assert (found.state, found.concluded_by, found.conclusion) == ("supported", alice, "It does.")
    base.delete()
    event = found.events.get()
    assert event.data["figures"]["baseline"]["mean"] == 3.0
    assert "It does." in text(as_alice.get(page(found)))


def test_a_conclusion_keeps_what_the_figures_said(as_alice, atlas):
    base = [ended(atlas, 3.0 + seed / 100, seed=seed) for seed in (1, 2)]
    same = {"dataset_version": base[0].dataset_version, "recipe_version": base[0].recipe_version}
    variants = [ended(atlas, 2.5 + seed / 100, seed=seed, rate=2e-3, **same) for seed in (1, 2)]
    found = make_hypothesis(
        atlas, baselines=base, variants=variants, metric="val/loss", direction="lower"
    )
    close(as_alice, found)
    for run in (*base, *variants):
        run.delete()
    shown = text(as_alice.get(page(found)))
    history = shown[shown.index('id="history"') :]
    assert "difference \N{MINUS SIGN}0.5" in history.replace("-", "\N{MINUS SIGN}")
    assert "for it" in history


def test_the_history_is_as_long_as_a_page_takes(as_alice, alice, atlas):
    found = make_hypothesis(atlas)
    long = "x" * 50_000
    for number in range(51):
        services.note(
            found,
            Act.EDITED,
            alice,
            notes=[f"before {number}", long],
            statement=["a", f"b{number}"],
        )
    shown = text(as_alice.get(page(found)))
    assert len(shown) < 100_000
    assert "before 50" in shown
    assert "<ins>b50</ins>" in shown
    assert "x" * 299 + "…" in shown
    assert "before 0<" not in shown
    assert "The newest 50 lines are shown" in shown


def test_it_opens_again_and_what_was_concluded_stays_in_its_history(as_alice, atlas):
    found = make_hypothesis(atlas)
    close(as_alice, found, state="refuted", conclusion="It does not.")
    as_alice.post(reverse("hypothesis-reopen", args=[found.pk]))
    found.refresh_from_db()
    assert (found.state, found.conclusion, found.concluded_at) == ("open", "", None)
    assert [event.act for event in found.events.all()] == [Act.REOPENED, Act.REFUTED]
    assert "It does not." in text(as_alice.get(page(found)))
    acts = list(AuditEntry.objects.order_by("number").values_list("act", "about"))
    about = f"hypothesis:{found.pk}"
    assert acts == [("hypothesis.closed", about), ("hypothesis.reopened", about)]


def test_who_closes_what_was_closed_meanwhile_is_told(as_alice, atlas):
    found = make_hypothesis(atlas)
    close(as_alice, found)
    second = close(as_alice, found, state="refuted", conclusion="I do not think so.")
    assert second.status_code == 422
    assert "I do not think so." in text(second)
    assert Hypothesis.objects.get().state == State.SUPPORTED


def test_what_is_closed_is_opened_before_it_is_closed_anew(as_alice, atlas):
    found = make_hypothesis(atlas)
    close(as_alice, found)
    again = close(as_alice, found, base=2, state="refuted", conclusion="It does not.")
    assert again.status_code == 422
    assert "You have closed it already (Supported)" in text(again)
    assert "It does not." in text(again)
    found.refresh_from_db()
    assert (found.state, found.events.count()) == (State.SUPPORTED, 1)
    as_alice.post(reverse("hypothesis-reopen", args=[found.pk]))
    assert close(as_alice, found, base=3, state="refuted").status_code == 302


def test_ones_own_change_is_not_told_as_somebody_elses(as_alice, alice, atlas):
    found = make_hypothesis(atlas)
    edit = reverse("hypothesis-edit", args=[found.pk])
    as_alice.post(edit, {**WRITTEN, "base": 1})
    bob = make_user("bob@example.com")
    join(bob, atlas, Role.MEMBER)
    as_bob = Client()
    as_bob.force_login(bob)
    late = {**WRITTEN, "statement": "Another", "base": 1}
    assert "You have changed it meanwhile, in another tab" in text(as_alice.post(edit, late))
    assert f"{alice} has changed it meanwhile" in text(as_bob.post(edit, late))


def test_an_archived_one_leaves_the_list_and_comes_back(as_alice, atlas):
    found = make_hypothesis(atlas)
    address = reverse("hypothesis-archive", args=[found.pk])
    as_alice.post(address, {"archived": "on"})
    assert found.statement not in text(as_alice.get(reverse("research")))
    assert found.statement in text(as_alice.get(reverse("research"), {"archived": "on"}))
    as_alice.post(address, {"archived": "off"})
    assert found.statement in text(as_alice.get(reverse("research")))


def test_runs_are_linked_once_and_only_those_of_the_project(as_alice, atlas):
    found, mine = make_hypothesis(atlas), make_run(atlas)
    theirs = make_run(make_project("elsewhere"))
    said = {"hypothesis": found.pk, "part": "baseline", "note": "the old one"}
    for _again in range(2):
        as_alice.post(reverse("hypothesis-link"), said | {"runs": [mine.pk, theirs.pk]})
    link = LinkedRun.objects.get()
    assert (link.run, link.part, link.note) == (mine, Part.BASELINE, "the old one")
    shown = text(as_alice.get(reverse("hypotheses-of-run", args=[mine.pk])))
    assert found.statement in shown


def test_a_hypothesis_of_another_project_takes_no_run(as_alice, atlas):
    theirs = make_hypothesis(make_project("elsewhere"))
    said = {"hypothesis": theirs.pk, "runs": make_run(atlas).pk}
    assert as_alice.post(reverse("hypothesis-link"), said).status_code == 422
    assert as_alice.get(page(theirs)).status_code == 404


def test_a_run_gets_another_part_and_is_let_go_with_a_way_back(as_alice, atlas):
    run = make_run(atlas)
    found = make_hypothesis(atlas, variants=[run])
    of_run = reverse("hypothesis-run", args=[found.pk, run.pk])
    as_alice.post(of_run, {"part": "baseline", "note": "x"})
    assert LinkedRun.objects.get().part == Part.BASELINE
    shown = text(as_alice.post(reverse("hypothesis-unlink", args=[found.pk, run.pk]), follow=True))
    assert not LinkedRun.objects.exists()
    assert f'form="link-undo" name="runs" value="{run.pk}"' in shown


def test_a_viewer_reads_and_changes_nothing(as_vera, atlas):
    found = make_hypothesis(atlas)
    assert as_vera.get(page(found)).status_code == 200
    assert close(as_vera, found).status_code == 403
    assert as_vera.post(reverse("hypothesis-new"), WRITTEN).status_code == 403


def test_a_run_that_is_deleted_leaves_the_hypothesis(as_alice, alice, atlas):
    run = ended(atlas, 3.0)
    found = make_hypothesis(atlas, variants=[run])
    runs = Run.objects.filter(pk=run.pk)
    organise.trash(alice, runs)
    assert "in the trash" in text(as_alice.get(page(found)))
    organise.delete(alice, runs)
    assert not evidence.of(found).rows
    assert as_alice.get(page(found)).status_code == 200


def test_lists_and_pages_ask_as_often_for_many_as_for_one(
    as_alice, alice, atlas, django_assert_max_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries(address):
        with CaptureQueriesContext(connection) as captured:
            assert as_alice.get(address).status_code == 200
        return len(captured)

    found = make_hypothesis(atlas, owner=alice, variants=[make_run(atlas)], metric="val/loss")
    services.note(found, Act.WRITTEN, alice)
    counted = [queries(address) for address in (reverse("research"), page(found))]
    for _more in range(3):
        more = [make_run(atlas) for _run in range(2)]
        other = make_hypothesis(atlas, owner=alice, variants=more)
        LinkedRun.objects.bulk_create(
            LinkedRun(hypothesis=found, run=run, part=Part.BASELINE) for run in more
        )
        services.note(other, Act.WRITTEN, alice)
        services.note(found, Act.EDITED, alice)
    assert [queries(address) for address in (reverse("research"), page(found))] == counted


def test_the_list_is_filtered(as_alice, alice, atlas):
    make_hypothesis(atlas, "Open one", owner=alice)
    close(as_alice, make_hypothesis(atlas, "Closed one"), conclusion="x")
    shown = text(as_alice.get(reverse("research"), {"state": "open"}))
    assert "Open one" in shown
    assert "Closed one" not in shown
    assert "Closed one" not in text(as_alice.get(reverse("research"), {"owner": alice.pk}))


def test_the_part_of_the_comparison_comes_alone(as_alice, atlas):
    run = make_run(atlas)
    headers = {"HX-Request": "true", "HX-Target": "comparison"}
    shown = text(as_alice.get(reverse("compare"), {"runs": run.pk}, headers=headers))
    assert shown.index('id="run-fields"') < shown.index("<run-comparison")
    assert "legend-remove" not in shown
    assert "<html" not in shown


def test_an_owner_who_has_left_stays_until_somebody_says_otherwise(as_alice, atlas):
    gone = make_user("gone@example.com")
    found = make_hypothesis(atlas, owner=gone)
    edit = reverse("hypothesis-edit", args=[found.pk])
    typed = {"statement": "Another sentence", "base": 1, "owner": gone.pk}
    assert as_alice.post(edit, typed).status_code == 302
    found.refresh_from_db()
    assert (found.statement, found.owner) == ("Another sentence", gone)
