"""The page of scaling laws: a budget in its address, a recipe to launch, a law of our own."""

from __future__ import annotations

import html
import math
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmhub.jobs.models import Job
from llmhub.recipes import services, specs
from llmhub.recipes.estimate import estimate
from llmhub.research import scaling_fits, scaling_runs
from llmhub.research.scaling_fit import Point, fit
from llmhub.runs.models import Prediction, Run
from tests.datasets.conftest import *  # noqa: F403
from tests.factories import make_dataset_version, make_project, make_run
from tests.research.pretrained import make_pretrained
from tests.runs.browsing import fields

PAGE = "/research/scaling-laws/"


@pytest.fixture
def gpt2(db):
    services.sync()


def text_of(answer) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def asked(client, **said):
    return client.get(f"{PAGE}?{urlencode(said)}")


def test_the_budget_of_gopher_in_the_address(as_bob, gpt2):
    page = text_of(asked(as_bob, by="flops", flops="5.76e23", law="hoffmann"))
    assert "Best for 5.76 × 10²³ operations" in page
    assert "40.3B" in page
    assert "Beyond what the law was fitted to" in page


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"by": "parameters", "parameters": "1.3B", "law": "twenty"}, "26B"),
        ({"by": "parameters", "parameters": "1,3B", "law": "twenty"}, "26B"),
        ({"by": "parameters", "parameters": "1,300,000,000", "law": "twenty"}, "26B"),
        ({"by": "tokens", "tokens": "300B", "law": "twenty"}, "15B"),
        ({"by": "hours", "hours": "1000", "device": "H100", "utilisation": "40"}, "1.42 × 10²¹"),
    ],
)
def test_a_budget_told_otherwise(as_bob, said, shown):
    assert shown in text_of(asked(as_bob, **said))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"flops": "0"}, "Too small: at least 1 × 10¹²."),
        ({"flops": "-1e21"}, "Write a number above zero"),
        ({"flops": "1e400"}, "Too large: at most 1 × 10³⁰."),
        ({"flops": "1e10"}, "Too small: at least 1 × 10¹²."),
        ({"flops": "much"}, "Write a number above zero"),
        ({"flops": "nan"}, "Write a number above zero"),
        ({"flops": ""}, "it is what you said you have"),
        ({"by": "hours", "hours": "0.01", "device": "T4", "utilisation": "0.1"}, None),
        ({"by": "parameters", "parameters": "1e15"}, "only 1 × 10¹² to 1 × 10³⁰ can be planned"),
        ({"by": "parameters", "parameters": "20"}, "Too small: at least 10000."),
        ({"law": "own"}, "Choose one of these"),
        ({"by": "magic"}, "Choose one of these"),
    ],
)
def test_a_budget_that_is_none_is_refused_and_stays_in_the_form(as_bob, said, reason):
    answer = asked(as_bob, **{"by": "flops", **said})
    page = text_of(answer)
    assert (reason or "Best for") in page
    assert ("Best for" in page) == (reason is None)
    for name in said.keys() & {"flops", "parameters"}:
        assert fields(answer)[name] == said[name]


def test_hours_of_a_device_count_what_our_runs_have_reached(as_bob, atlas):
    run = make_run(atlas)
    Prediction.objects.create(
        run=run, model_key="x", device_name="NVIDIA H100 80GB HBM3", processes=2,
        flops_per_token=6 * 10**9, actual_tokens_per_second=100_000.0,
    )  # fmt: skip
    answer = asked(as_bob, by="hours", hours="1000", device="measured:NVIDIA H100 80GB HBM3")
    assert "3 × 10¹⁴/s" in text_of(answer)
    assert "Best for 1.08 × 10²¹ operations" in text_of(answer)


def launch_address(answer) -> str:
    return html.unescape(
        re.search(r'href="(/runs/new/[^"]*values=[^"]*)"', answer.content.decode())[1]
    )


@pytest.mark.parametrize("recipe", ["gpt2-125m", "gpt2-1.3b", "llama-7b"])
@pytest.mark.parametrize("flops", ["1e15", "1e18", "1e22"])
def test_what_is_proposed_is_what_the_launch_form_shows(as_bob, atlas, gpt2, recipe, flops):
    make_dataset_version(atlas)
    answer = asked(as_bob, flops=flops, law="besiroglu", recipe=recipe)
    address = launch_address(answer)
    proposed = answer.context["offer"].proposal
    form = as_bob.get(address)
    shown = form.context["form"].plan
    for name, value in proposed.overrides.items():
        assert launch_values(shown)[name] == value, name
    assert {change.name for change in shown.changes} == {
        change.name for change in answer.context["offer"].changes
    }
    assert estimate(shown.spec).parameters == proposed.parameters
    assert not launch_values(shown).get("model.dropout")
    assert not launch_values(shown).get("model.attention_dropout")
    assert fields(form)["name"].startswith("Scaling laws, ")
    best = answer.context["answer"].best
    assert proposed.parameters == pytest.approx(best.parameters, rel=0.1)
    assert proposed.flops == pytest.approx(float(flops), rel=0.02)


def launch_values(plan) -> dict:
    return specs.flatten(specs.dump(plan.spec))


def test_the_proposed_run_can_be_launched(as_bob, atlas, gpt2):
    make_dataset_version(atlas, text="A long text. " * 4_000)
    address = launch_address(asked(as_bob, flops="1e14"))
    form = as_bob.get(address)
    action = html.unescape(re.search(r'action="(/runs/new/[^"]*)"', form.content.decode())[1])
    assert as_bob.post(action, fields(form)).status_code == 302
    run = Run.objects.get()
    said = parse_qs(urlsplit(address).query)
    assert run.scale == said["scale"][0]
    assert run.overrides["model.n_layer"] == run.config["model"]["n_layer"]


@pytest.mark.parametrize(
    "values", ["", "[]", "{", '{"model.unknown": 1}', '{"model.n_layer": "x"}']
)
def test_values_that_do_not_fit_leave_the_recipe_as_it_is(as_bob, gpt2, values):
    answer = as_bob.get(f"/runs/new/?{urlencode({'recipe': 'gpt2-125m', 'values': values})}")
    assert answer.status_code == 200
    assert "do not fit this recipe" in text_of(answer)


@pytest.mark.parametrize(("flops", "is_told"), [("1e12", False), ("1e17", False), ("1e19", True)])
def test_a_loss_below_what_the_law_was_fitted_to_is_not_told(as_bob, gpt2, flops, is_told):
    answer = asked(as_bob, flops=flops, law="hoffmann")
    shown = answer.context["answer"]
    losses = [shown.loss, shown.rows()[0].loss, shown.choices()[0].loss]
    assert all(loss is not None for loss in losses) == is_told
    assert any(loss is not None for loss in losses) == is_told
    assert ("None that means anything" in text_of(answer)) != is_told


def test_a_loss_no_better_than_guessing_is_not_told(as_bob, gpt2, fitted):
    told = asked(as_bob, flops="1e18", law="own").context["answer"]
    assert told.loss < math.log(256)
    assert told.told("own", math.log(256)) is None
    assert asked(as_bob, flops="1e12", law="own").context["answer"].loss is None


def test_what_data_a_proposal_needs_is_told(as_bob, gpt2):
    page = text_of(asked(as_bob, flops="1e21", law="besiroglu"))
    assert "Dropout is 0, since every token is seen once" in page
    assert re.search(r"It needs data of \d\S*B tokens", page)


def test_nothing_is_planned_for_whoever_may_not_launch_it(as_vera, gpt2):
    unfit = urlencode({"recipe": "gpt2-125m", "values": "{"})
    assert as_vera.get(f"/runs/new/?{unfit}").status_code == 403
    assert "do not fit this recipe" not in text_of(as_vera.get(PAGE))


def test_a_size_of_ones_own_is_compared_and_proposed(as_bob, gpt2):
    answer = asked(as_bob, flops="1e21", size="400M")
    assert "yours" in text_of(answer)
    assert answer.context["offer"].proposal.parameters == pytest.approx(4e8, rel=0.05)


def test_no_shape_comes_near_a_trillion_parameters(as_bob, gpt2):
    assert "No shape of this family" in text_of(asked(as_bob, flops="1e27"))


def test_too_few_runs_say_what_is_missing(as_bob, atlas):
    make_pretrained(atlas, widths=(64, 128), ratios=(20,))
    page = text_of(as_bob.get(PAGE))
    assert "1 more size of a model" in page
    assert "6 more finished runs of other sizes" in page
    assert "a law of its own" not in page.lower()
    assert "Fit a law" not in page


def test_runs_that_did_not_end_or_lie_in_the_trash_do_not_count(atlas):
    runs = make_pretrained(atlas, widths=(64, 128))
    Run.objects.filter(pk=runs[0].pk).update(trashed_at=runs[0].queued_at)
    make_run(atlas)
    make_run(make_project("borealis"))
    [group] = scaling_runs.groups(atlas)
    assert len(group.runs) == len(runs) - 1


def test_runs_of_other_data_are_another_group(atlas):
    make_pretrained(atlas, widths=(64,))
    make_pretrained(atlas, widths=(128, 192), data=make_dataset_version(atlas, slug="news"))
    [larger, smaller] = scaling_runs.groups(atlas)
    assert (len(larger.runs), len(smaller.runs)) == (8, 4)


def test_without_embeddings_models_are_smaller(as_bob, atlas):
    [run, *_] = make_pretrained(atlas, widths=(64,))
    [group] = scaling_runs.groups(atlas)
    of_run = next(one for one in group.runs if one.pk == run.pk)
    model = run.config["model"]
    embeddings = (model["vocab_size"] + model["n_positions"]) * model["n_embd"]
    assert of_run.parameters - of_run.body == embeddings


@pytest.fixture
def fitted(atlas, bob):
    """The job of all runs, as a worker would leave it."""
    make_pretrained(atlas, noise=0.005)
    [group] = scaling_runs.groups(atlas)
    job = scaling_fits.start(atlas, bob, group.points(is_body=False))
    result = fit([Point(*row) for row in job.params["points"]], samples=40)
    Job.objects.filter(pk=job.pk).update(state=Job.State.SUCCEEDED, result=result)
    return job


def test_fitting_takes_a_job_and_the_same_runs_are_fitted_once(as_bob, atlas):
    make_pretrained(atlas)
    assert "Fit a law to these 20 runs" in text_of(as_bob.get(PAGE))
    for _ in range(2):
        answer = as_bob.post(f"{PAGE}fit/", {"query": "flops=1e18"})
        assert answer.url.startswith(f"{PAGE}?flops=1e18")
    job = Job.objects.get()
    assert (job.kind, job.state) == ("research.scaling", "queued")
    assert f"job.{job.pk}" in as_bob.get(PAGE).content.decode()


def test_a_law_of_our_own_plans_a_budget_with_its_interval(as_bob, gpt2, fitted):
    page = text_of(as_bob.get(PAGE))
    assert "Fitted to 20 runs" in page
    answer = asked(as_bob, flops="1e16", law="own")
    shown = answer.context["answer"]
    truth = shown.known["besiroglu"].best(1e16)
    assert shown.refusal == ""
    assert shown.parameters.low < truth.parameters < shown.parameters.high
    offer = answer.context["offer"]
    # With the tokenizer of the runs, and the size as the law counts it.
    assert offer.proposal.spec.data.tokenizer == "bytes"
    assert offer.proposal.spec.model.vocab_size == 256
    assert offer.proposal.parameters == pytest.approx(shown.best.parameters, rel=0.1)


def test_a_law_of_our_own_refuses_what_it_cannot_know(as_bob, gpt2, fitted):
    answer = asked(as_bob, flops="1e29", law="own")
    assert "times that of the largest run" in text_of(answer)


def test_a_law_that_may_be_anything_names_no_size(as_bob, gpt2, fitted):
    samples = [[1.8, 480, 2000, 0.2 + place / 100, 0.36] for place in range(40)]
    Job.objects.filter(pk=fitted.pk).update(result={"law": samples[15], "samples": samples})
    page = text_of(asked(as_bob, flops="1e18", law="own"))
    assert "These runs do not tell. The best size may be anything from" in page
    assert "Without a best size there is nothing to propose" in page


def test_samples_without_a_best_size_leave_its_interval_open(as_bob, gpt2, fitted):
    law, nothing = [1.8, 480, 2000, 0.34, 0.36], [0.0] * 5
    Job.objects.filter(pk=fitted.pk).update(
        result={"law": law, "samples": [law] * 30 + [nothing] * 10}
    )
    answer = asked(as_bob, flops="1e18", law="own")
    assert "anything from 0 to ∞ parameters" in text_of(answer)
    own = next(one for one in answer.context["chart"]["curves"] if "low" in one)
    assert min(own["low"]) > 1.8


def test_a_budget_beyond_any_number_is_refused(as_bob, gpt2, fitted):
    law = [1.8, 1e12, 2.0, 1.9, 0.03]
    Job.objects.filter(pk=fitted.pk).update(result={"law": law, "samples": [law] * 40})
    page = text_of(asked(as_bob, by="parameters", parameters="1e15", law="own"))
    assert "That is ∞ operations" in page


def test_a_law_without_a_best_size_cannot_be_chosen(as_bob, gpt2, fitted):
    law = [1.8, 480, 2000, 0.0, 0.36]
    Job.objects.filter(pk=fitted.pk).update(result={"law": law, "samples": [law] * 40})
    assert "By them parameters or tokens make no difference" in text_of(as_bob.get(PAGE))
    assert "Choose one of these" in text_of(asked(as_bob, flops="1e18", law="own"))


def test_losses_of_mere_noise_leave_the_published_laws_to_plan_by(as_bob, atlas, bob, gpt2):
    make_pretrained(atlas, noise=0.3)
    points = scaling_runs.groups(atlas)[0].points(is_body=False)
    job = scaling_fits.start(atlas, bob, points)
    Job.objects.filter(pk=job.pk).update(state=Job.State.SUCCEEDED, result=fit(points, samples=10))
    assert "Best for" in text_of(as_bob.get(PAGE))
    assert "Best for" in text_of(asked(as_bob, flops="1e30", law="hoffmann"))


@pytest.mark.parametrize(
    "law",
    [
        [1.8, 1e29, 1e-5, 0.021, 0.021],
        [1.8, 1e-5, 1e29, 0.021, 0.021],
        [1.8, 1e300, 1e300, 90.0, 90.0],
        [0.0, 1e-300, 1e-300, -5.0, 0.0],
        [1.8, 480, 2000, 1.99, 0.0201],
    ],
)
@pytest.mark.parametrize("flops", ["1e12", "1e30"])
def test_no_fit_takes_the_page_down(as_bob, gpt2, fitted_to, law, flops):
    fitted_to(law, [law] * 20 + [[1.8, 480, 2000, 0.34, 0.36]] * 20)
    assert "Best for" in text_of(asked(as_bob, flops=flops))
    assert asked(as_bob, flops=flops, law="own", size="1e15").status_code == 200


@pytest.fixture
def fitted_to(atlas, bob):
    """A finished job with this law, whatever the runs say."""
    make_pretrained(atlas)
    points = scaling_runs.groups(atlas)[0].points(is_body=False)
    job = scaling_fits.start(atlas, bob, points)

    def keep(law, samples):
        result = {"law": law, "samples": samples}
        Job.objects.filter(pk=job.pk).update(state=Job.State.SUCCEEDED, result=result)

    return keep


def test_another_run_makes_the_fit_old(as_bob, atlas, fitted):
    make_pretrained(atlas, widths=(256,), data=Run.objects.first().dataset_version)
    assert "Fit a law to these 24 runs" in text_of(as_bob.get(PAGE))


def test_a_viewer_reads_and_fits_nothing(as_vera, atlas):
    make_pretrained(atlas)
    assert "Members of the project can fit" in text_of(as_vera.get(PAGE))
    assert as_vera.post(f"{PAGE}fit/").status_code == 403
    assert not Job.objects.exists()


def test_too_few_runs_are_not_fitted(as_bob, atlas):
    make_pretrained(atlas, widths=(64,))
    page = text_of(as_bob.post(f"{PAGE}fit/", follow=True))
    assert "No law can be fitted to these runs yet. They still need: 4 more finished" in page
    assert not Job.objects.exists()


def test_why_nothing_is_fitted_is_told_as_it_is(as_bob, atlas):
    page = text_of(as_bob.post(f"{PAGE}fit/", follow=True))
    assert "there is no run to fit a law to" in page
    make_pretrained(atlas, widths=(64, 96, 128, 192, 256, 320, 512, 768), ratios=(20,))
    page = text_of(as_bob.post(f"{PAGE}fit/", follow=True))
    assert "They still need: runs in which tokens do not grow in step with parameters" in page


def test_more_runs_cost_no_more_queries(as_bob, atlas, gpt2):
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            as_bob.get(PAGE)
        return len(seen)

    make_pretrained(atlas, widths=(64,))
    few = queries()
    make_pretrained(atlas, widths=(128, 192), data=Run.objects.first().dataset_version)
    assert queries() == few
