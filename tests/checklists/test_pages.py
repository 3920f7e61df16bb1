"""Pages of checklists: what they show to whom, and what a press does."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from llmhub.accounts.models import Role
from llmhub.checklists import begin, carrying, comments, evidence, standing
from llmhub.checklists.models import (
    Checklist,
    ChecklistState,
    Comment,
    Evidence,
    Outcome,
    Signature,
    Waiver,
)
from llmhub.runs.models import Run
from llmhub.runs.said import Refused
from llmhub.runs.states import State
from tests.checklists.conftest import person
from tests.factories import (
    PASSWORD,
    make_check,
    make_checklist,
    make_item,
    make_model_version,
    make_run,
    make_signature,
    make_template,
    make_waiver,
)

pytestmark = pytest.mark.django_db

CODE = make_item("code", depends=["code"], help={"en": "Look at the commit."})
SPEED = make_item("speed", depends=["recipe"])
CLEAN = make_item("clean", check="data-clean", depends=["data"])


@pytest.fixture
def checklist(waiting):
    return make_checklist(CODE, SPEED, CLEAN, run=waiting)


def as_(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def as_ben(ben):
    return as_(ben)


def text(answer, status=200):
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


def shown(client, checklist):
    return text(client.get(reverse("checklist", args=[checklist.pk])))


def item_of(page, key):
    return page.partition(f'id="item-{key}"')[2].partition("</article>")[0]


def act(client, checklist, name, *keys, htmx=False, **data):
    query = "&".join(f"item={key}" for key in keys)
    address = f"{reverse('checklist_act', args=[checklist.pk, name])}?{query}"
    headers = {"HX-Request": "true"} if htmx else {}
    return client.post(address, data, headers=headers)


def sign(client, checklist, *keys, **data):
    values = {"meaning": "verified", "password": PASSWORD} | data
    return act(client, checklist, "sign", *keys, **values)


def change_rate(run, checklist):
    config = Run.objects.get(pk=run.pk).config
    config["training"]["learning_rate"] = 0.5
    Run.objects.filter(pk=run.pk).update(config=config)
    begin.refresh(checklist)


# Lists


def test_an_empty_list_says_when_a_checklist_begins(as_ben):
    assert "begins by itself" in text(as_ben.get(reverse("checklists")))


def test_the_list_shows_what_is_open_who_waits_and_what_waits_for_me(as_ben, checklist, atlas):
    over = make_checklist(
        SPEED, run=make_run(atlas, State.AWAITING_SIGN_OFF, name="Launched long ago")
    )
    Checklist.objects.filter(run=over.run).update(state=ChecklistState.SETTLED)
    page = text(as_ben.get(reverse("checklists")))
    assert "0 of 3 items" in page
    assert "2 wait for you" in page
    assert "waits for 1 member" in page
    assert "Launched long ago" not in page
    page = text(as_ben.get(reverse("checklists"), {"show": "all"}))
    assert page.index(str(checklist.run)) < page.index("Launched long ago")


def test_mine_are_those_that_i_can_sign_or_am_named_on(atlas, waiting, ben, cleo):
    made = make_checklist(make_item("plan", signers=[{"role": "approver"}]), run=waiting)
    mine = {"show": "mine"}
    assert "Nothing waits for you" in text(as_(ben).get(reverse("checklists"), mine))
    assert "1 waits for you" in text(as_(cleo).get(reverse("checklists"), mine))
    comments.add(made, "", cleo, "@Ben: and you?")
    assert str(waiting) in text(as_(ben).get(reverse("checklists"), mine))


def test_the_list_costs_the_same_queries_however_many_there_are(
    as_ben, atlas, cleo, django_assert_max_num_queries
):
    for _number in range(5):
        made = make_checklist(CODE, SPEED, run=make_run(atlas, State.AWAITING_SIGN_OFF))
        make_waiver(made, "code", cleo)
    with django_assert_max_num_queries(24):
        as_ben.get(reverse("checklists"))


# A checklist


def test_an_item_shows_what_it_asks_who_signed_and_what_is_missing(as_ben, checklist, cleo):
    make_signature(checklist, "code", cleo, note="Commit 12ab.", role=Role.APPROVER)
    page = shown(as_ben, checklist)
    code = item_of(page, "code")
    assert "Look at the commit." in code
    assert "Cleo" in code
    assert "Approver" in code
    assert "Commit 12ab." in code
    assert "Signed off" in code
    assert "1 × Member" in item_of(page, "speed")
    assert "1 of 3 items" in page


def test_a_void_signature_shows_what_changed(as_ben, checklist, waiting, cleo):
    make_signature(checklist, "speed", cleo)
    make_signature(checklist, "code", cleo)
    change_rate(waiting, checklist)
    page = shown(as_ben, checklist)
    speed = item_of(page, "speed")
    assert "<code>training.learning_rate</code>: <del>0.002</del> → <ins>0.5</ins>" in speed
    assert "void" in speed
    assert "void" not in item_of(page, "code").replace("Void when this changes", "")


def test_what_a_check_refuted_has_no_button_to_sign(as_ben, checklist, cleo):
    make_check(checklist, "clean", Outcome.FAILED)
    for client in (as_ben, as_(cleo)):
        clean = item_of(shown(client, checklist), "clean")
        assert 'id="sign-clean"' not in clean
        assert "only waived" in clean
    assert 'id="waive-clean"' in clean
    make_check(checklist, "clean", Outcome.PASSED)
    assert 'id="sign-clean"' in item_of(shown(as_ben, checklist), "clean")


def test_who_only_looks_sees_no_buttons(atlas, checklist):
    page = shown(as_(person(atlas, "vera", Role.VIEWER)), checklist)
    assert "data-act" not in page
    assert "Run all checks" not in page
    assert "<textarea" not in page


def test_what_is_over_cannot_be_changed(as_ben, checklist, ben):
    make_signature(checklist, "code", ben)
    Checklist.objects.update(state=ChecklistState.SETTLED, settled_at=timezone.now())
    page = shown(as_ben, checklist)
    assert "Withdraw" not in page
    assert 'data-key="s"' not in page
    assert sign(as_ben, checklist, "speed").status_code == 422


def test_somebody_who_alone_is_a_project_is_told_that_it_is_marked(waiting, ada, checklist):
    assert "solo" in shown(as_(ada), checklist)


def test_an_erased_person_is_a_number(as_ben, checklist, cleo):
    make_signature(checklist, "code", cleo)
    pk = cleo.pk
    cleo.delete()
    assert f"erased person #{pk}" in shown(as_ben, checklist)


def test_the_page_costs_the_same_queries_however_much_was_said(
    as_ben, waiting, ben, cleo, dan, django_assert_max_num_queries
):
    checklist = make_checklist(*(make_item(f"item-{n}") for n in range(9)), run=waiting)
    for number in range(9):
        key = f"item-{number}"
        for who in (ben, cleo, dan):
            make_signature(checklist, key, who)
        comments.add(checklist, key, cleo, "@Dan?")
        evidence.attach(checklist, key, cleo, run=waiting)
    with django_assert_max_num_queries(32):
        shown(as_ben, checklist)


# Acts


def test_a_signature_takes_a_press_and_a_password(as_ben, checklist, ben):
    wrong = sign(as_ben, checklist, "code", password="wrong", note="I looked.")
    page = text(wrong, 422)
    assert "not your password" in page
    assert "I looked." in page
    assert "wrong" not in page.partition('type="password"')[2].partition(">")[0]
    assert not Signature.objects.exists()
    answer = sign(as_ben, checklist, "code", note="I looked.")
    assert answer["Location"] == f"/checklists/{checklist.pk}/#item-code"
    made = Signature.objects.get()
    assert (made.user, made.item, made.meaning, made.note) == (ben, "code", "verified", "I looked.")


def test_a_whole_group_is_signed_in_one_act(as_ben, checklist):
    assert "?item=code&amp;item=speed" in shown(as_ben, checklist)
    assert sign(as_ben, checklist, "code", "speed").status_code == 302
    assert Signature.objects.count() == 2


def test_of_a_group_none_is_signed_where_one_cannot_be(as_ben, checklist):
    page = text(sign(as_ben, checklist, "code", "clean"), 422)
    assert "Clean: The check comes first: run it." in page
    assert not Signature.objects.exists()


def test_nobody_signs_what_they_did_not_look_at(as_ben, checklist, waiting):
    address = f"{reverse('checklist_act', args=[checklist.pk, 'sign'])}?item=speed"
    page = text(as_ben.get(address))
    seen = page.partition('name="seen-speed" value="')[2].partition('"')[0]
    assert seen == standing.of(checklist).item("speed").parts_hash
    change_rate(waiting, checklist)
    answer = sign(as_ben, checklist, "speed", **{"seen-speed": seen})
    assert "changed since you opened" in text(answer, 422)
    assert f'name="seen-speed" value="{seen}"' not in answer.content.decode()
    assert not Signature.objects.exists()


def test_a_signature_refers_to_the_evidence_that_was_ticked(as_ben, checklist, ben):
    rows = [evidence.attach(checklist, "code", ben, link=f"https://x.example/{n}") for n in (1, 2)]
    sign(as_ben, checklist, "code", evidence=[rows[1].pk])
    assert Signature.objects.get().evidence == [rows[1].pk]


def test_a_waiver_says_why_who_and_until_when(checklist, ben, cleo):
    until = timezone.localdate() + timedelta(days=31)
    values = {"reason": "No time.", "owner": ben.pk, "password": PASSWORD}
    page = text(act(as_(cleo), checklist, "waive", "speed", until=until, **values), 422)
    assert "30 days" in page
    assert "No time." in page
    assert act(as_(cleo), checklist, "waive", "speed", until="x", **values).status_code == 422
    good = until - timedelta(days=1)
    assert act(as_(cleo), checklist, "waive", "speed", until=good, **values).status_code == 302
    made = Waiver.objects.get()
    assert (made.by, made.owner, made.reason, made.until) == (cleo, ben, "No time.", good)
    page = item_of(shown(as_(ben), checklist), "speed")
    assert "Ben answers for it" in page
    assert "No time." in page


def test_evidence_is_a_download_and_never_a_page_of_the_hub(as_ben, checklist):
    page = SimpleUploadedFile("x.html", b"<script>alert(1)</script>", content_type="text/html")
    assert act(as_ben, checklist, "evidence", "code", file=page, note="See.").status_code == 302
    row = Evidence.objects.get()
    answer = as_ben.get(reverse("evidence_file", args=[checklist.pk, row.pk]))
    assert b"".join(answer.streaming_content) == b"<script>alert(1)</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")


def test_a_file_of_evidence_that_is_gone_is_not_found(as_ben, checklist):
    act(as_ben, checklist, "evidence", "code", file=SimpleUploadedFile("x.txt", b"gone soon"))
    row = Evidence.objects.get()
    evidence.place_of(row.file_sha256).unlink()
    assert as_ben.get(reverse("evidence_file", args=[checklist.pk, row.pk])).status_code == 404


def test_a_comment_is_shown_with_its_item_and_on_the_whole(as_ben, checklist):
    act(as_ben, checklist, "comment", "code", text="<b>Is it?</b>")
    act(as_ben, checklist, "comment", text="All in all")
    page = shown(as_ben, checklist)
    assert "&lt;b&gt;Is it?&lt;/b&gt;" in item_of(page, "code")
    assert "All in all" in page.partition("On the whole checklist")[2]


def test_a_dialog_gets_no_page(as_ben, checklist):
    address = f"{reverse('checklist_act', args=[checklist.pk, 'comment'])}?item=code"
    assert "<html" not in text(as_ben.get(address, headers={"HX-Request": "true"}))
    answer = act(as_ben, checklist, "comment", "code", htmx=True, text="Hello")
    assert (answer.status_code, answer.content) == (204, b"")
    assert Comment.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "keys"), [("sign", []), ("waive", ["code", "speed"]), ("comment", ["x"]), ("x", [])]
)
def test_what_is_not_there_is_not_found(as_ben, checklist, name, keys):
    assert act(as_ben, checklist, name, *keys).status_code == 404


def test_a_check_is_run_by_a_press(as_ben, checklist):
    address = reverse("checklist_check", args=[checklist.pk])
    assert as_ben.post(address, {"item": "clean"}).status_code == 302
    assert Evidence.objects.get().check_name == "data-clean"
    answer = as_ben.post(address, {"item": "code"}, headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert answer.content


def test_only_my_own_signature_is_withdrawn(as_ben, checklist, ben, cleo):
    mine, other = (make_signature(checklist, "code", who) for who in (ben, cleo))
    page = shown(as_ben, checklist)
    assert reverse("signature_withdraw", args=[checklist.pk, mine.pk]) in page
    assert reverse("signature_withdraw", args=[checklist.pk, other.pk]) not in page
    for row in (mine, other):
        as_ben.post(reverse("signature_withdraw", args=[checklist.pk, row.pk]))
    assert list(Signature.objects.filter(withdrawn_at=None)) == [other]


def test_who_waived_takes_it_back(checklist, cleo):
    row = make_waiver(checklist, "code", cleo)
    as_(cleo).post(reverse("waiver_withdraw", args=[checklist.pk, row.pk]))
    assert Waiver.objects.get().withdrawn_at


# Carrying over


@pytest.fixture
def later(atlas, ada, checklist):
    """Of a run of the same recipe with another learning rate."""
    run = Run.objects.get(pk=checklist.run_id)
    run.pk, run.state = None, State.AWAITING_SIGN_OFF
    run.config["training"]["learning_rate"] = 0.5
    run.save()
    [made] = begin.for_run(run, ada)
    return made


def test_a_later_checklist_takes_over_what_still_holds(checklist, later, ben, cleo):
    for key in ("code", "speed"):
        made = evidence.attach(checklist, key, ben, link="https://ci.example.com")
        make_signature(checklist, key, ben, evidence=[made.pk])
    Checklist.objects.filter(pk=checklist.pk).update(state=ChecklistState.SETTLED)
    client = as_(cleo)
    assert "Carry over" in shown(client, later)
    assert act(client, later, "carry", earlier=checklist.pk).status_code == 302
    found = {one.key: one for one in standing.of(later).items}
    [signature] = found["code"].signatures
    assert (signature.user, signature.carried_from.checklist) == (ben, checklist)
    assert signature.evidence == [found["code"].evidence[0].pk]
    assert not found["speed"].signatures
    assert "carried over" in item_of(shown(client, later), "code")


def test_nothing_is_carried_twice_or_from_nowhere(checklist, later, ben):
    with pytest.raises(Refused):
        carrying.carry(later, checklist, ben)
    make_signature(checklist, "code", ben)
    carrying.carry(later, checklist, ben)
    with pytest.raises(Refused):
        carrying.carry(later, checklist, ben)
    assert Signature.objects.filter(checklist=later).count() == 1


def test_the_role_of_today_counts(checklist, later, ben, cleo):
    make_signature(checklist, "code", ben, role=Role.ADMIN)
    with pytest.raises(Refused):
        carrying.carry(later, checklist, cleo)


# Other pages


def test_the_overview_says_what_waits_for_me(as_ben, checklist, cleo):
    assert "Waiting for me" in text(as_ben.get("/"))
    assert "2 to sign" in text(as_ben.get("/"))
    comments.add(checklist, "code", cleo, "@Ben, please.")
    part = text(as_ben.get(reverse("checklists_waiting")))
    assert "Cleo named you" in part
    assert f"/checklists/{checklist.pk}/#item-code" in part


def test_the_overview_is_quiet_where_nothing_waits(as_ben):
    assert "Waiting for me" not in text(as_ben.get("/"))


def test_the_sign_off_of_a_version_begins_on_its_page(atlas, as_ben, ben):
    version = make_model_version(make_run(atlas, State.SUCCEEDED))
    make_template(SPEED, project=atlas, guards="production")
    address = reverse("checklists_of_version", args=[version.pk])
    page = text(as_ben.get(reverse("model_version", args=[version.model_id, 1])))
    assert address in page
    assert "Begin the sign-off" in text(as_ben.get(address))
    answer = as_ben.post(address)
    found = Checklist.objects.get(model_version=version)
    assert answer["Location"] == f"/checklists/{found.pk}/"
    assert "Begin the sign-off" not in text(as_ben.get(address))
