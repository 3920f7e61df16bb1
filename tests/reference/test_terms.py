"""Terms where people meet them: the marks on pages, what the popover holds, and what is tried."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.template import Context, Template
from django.urls import reverse
from django.utils import timezone

from llmhub.accounts.models import Project
from llmhub.lib import metric_names
from llmhub.metrics.models import Series
from llmhub.recipes.models import Recipe
from llmhub.recipes.specs import Optimizer
from llmhub.reference import glossary
from llmhub.registry.scores import MEASURES
from llmhub.runs.models import Run
from llmhub.runs.page import metric_titles
from ops.config import ROOT
from tests.factories import make_run
from workers.training.schedule import learning_rate

WRITTEN_OUT = r'{% (?:term|term_mark) "([a-z0-9-]+)"|term="([a-z0-9-]+)"'


def rendered(source: str, **values: Any) -> str:
    return Template("{% load reference %}" + source).render(Context(values))


def test_a_word_leads_to_its_term_and_stands_alone_without_one():
    link = rendered('{% term "perplexity" "How unsure" %}')
    assert f'href="{reverse("term", args=["perplexity"])}"' in link
    assert 'data-term="perplexity"' in link
    assert ">How unsure</a>" in link
    odd = rendered('{% term "no-such-term" name %}', name="Odd <name>")
    assert odd == "Odd &lt;name&gt;"
    assert rendered('{% term_of_field "training.nothing" "Nothing" %}') == ""


def test_a_mark_says_of_what_it_is():
    found = rendered(
        "{% term_of_metric name %}{% term_mark slug label %}",
        name="x",
        slug="perplexity",
        label="PPL <1>",
    )
    assert 'aria-label="PPL &lt;1&gt;: what is this?"' in found


def test_what_a_person_called_a_metric_is_escaped():
    assert "<b>" not in rendered("{% term_of_metric 'train/perplexity' title %}", title="<b>")


@pytest.mark.parametrize("name", ["train/perplexity", "val/perplexity"])
def test_the_title_of_a_chart_names_its_term(name):
    assert metric_titles()[name]["term"] == "perplexity"
    assert metric_titles()["perplexity"]["page"] == reverse("term", args=["perplexity"])


def test_every_term_that_a_page_names_is_in_the_glossary():
    named = {
        (path.name, slug)
        for path in (ROOT / "templates").rglob("*.html")
        for found in re.findall(WRITTEN_OUT, path.read_text())
        if (slug := "".join(found))
    }
    named |= {("scores.py", measure.term) for measure in MEASURES.values() if measure.term}
    named |= {("findings.py", slug) for slug in ("deduplication", "validation", "personal-data")}
    assert {(name, slug) for name, slug in named if glossary.term(slug) is None} == set()


def test_every_mark_of_a_recipe_form_opens_something(as_bob, gpt2):
    page = as_bob.get(reverse("recipe_edit", args=["gpt2-125m"])).content.decode()
    slugs = set(re.findall(r'data-term="([^"]+)"', page))
    assert len(slugs) > 20
    for slug in slugs:
        assert as_bob.get(reverse("term-short", args=[slug])).status_code == 200


@pytest.mark.django_db
def test_marks_cost_no_query(django_assert_num_queries):
    names = ["training.learning_rate", "training.nothing"] * 50
    with django_assert_num_queries(0):
        rendered("{% for name in names %}{% term_of_field name %}{% endfor %}", names=names)


def test_the_popover_holds_formula_neighbours_and_a_way_on(as_bob):
    page = as_bob.get(reverse("term-short", args=["perplexity"])).content.decode()
    assert "<math" in page
    assert 'data-term="cross-entropy"' in page
    assert f'href="{reverse("term", args=["perplexity"])}#demo" data-try' in page
    assert "<html" not in page
    assert as_bob.get(reverse("term-short", args=["nothing"])).status_code == 404


# What is tried


def test_the_browser_computes_the_schedule_of_the_trainer():
    """tests/js/demos.test.mjs holds the browser's rates against these."""
    for case in json.loads((ROOT / "tests/js/schedule.json").read_text()):
        training = cast(Optimizer, SimpleNamespace(**case["values"]))
        for step, rate in case["rates"]:
            assert learning_rate(training, step, case["total"]) == pytest.approx(rate, rel=1e-12)


def test_the_schedules_are_those_of_the_recipes_that_the_person_sees(as_bob, gpt2, atlas):
    Recipe.objects.create(project=atlas, slug="empty", title={"en": "Empty"})
    recipes = as_bob.get(reverse("recipe-schedules")).json()["recipes"]
    shown = next(each for each in recipes if each["slug"] == "gpt2-125m")
    assert shown["values"]["learning_rate"] == gpt2.spec["training"]["learning_rate"]
    assert shown["steps"] == gpt2.spec["training"]["max_steps"]
    assert len(recipes) == Recipe.objects.filter(project=None).count()


def run_with_loss(project: Project, name: str) -> Run:
    run = make_run(project, name=name)
    Series.objects.create(run=run, name=metric_names.TRAIN_LOSS.name, count=1)
    return run


def test_the_losses_are_of_the_project_the_named_run_first(as_bob, atlas, charlie):
    first, second = (run_with_loss(atlas, name) for name in ("first", "second"))
    theirs = run_with_loss(Project.objects.get(slug="borealis"), "theirs")
    make_run(atlas, name="without")
    Run.objects.filter(pk=run_with_loss(atlas, "thrown away").pk).update(trashed_at=timezone.now())

    def listed(**query: object) -> list[int]:
        return [run["id"] for run in as_bob.get(reverse("loss-runs"), query).json()["runs"]]

    assert listed() == [second.pk, first.pk]
    assert listed(run=first.pk) == [first.pk, second.pk]
    assert listed(run=theirs.pk) == [second.pk, first.pk]


def test_what_the_model_expects_adds_up():
    made = json.loads((ROOT / "static/data/next-tokens.json").read_text())
    for prompt in made["prompts"]:
        logits = [logit for _text, logit in prompt["tokens"]]
        assert logits[0] == 0
        assert logits == sorted(logits, reverse=True)
        rest = [logit for logit, _count in prompt["rest"]]
        assert rest == sorted(rest, reverse=True)
        assert len(logits) + sum(count for _logit, count in prompt["rest"]) == 49_152
