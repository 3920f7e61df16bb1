"""The glossary from A to Z, and the page of a term."""

from __future__ import annotations

from django.test import Client

from llmhub.recipes import services
from llmhub.reference import glossary, page
from llmhub.reference.formulas import mathml
from llmhub.reference.places import Asked
from tests.factories import make_user


def term_page(slug, vera, atlas):
    return page.term_page(glossary.term(slug), Asked(vera, atlas))


def occurs(shown, name):
    return next(found.places for each, found in shown["occurs"] if each.name == name)


def test_every_term_stands_under_its_letter(client):
    html = client.get("/reference/glossary/").content.decode()
    for slug, term in glossary.terms().items():
        assert f'href="/reference/glossary/{slug}/"' in html, term.title
    assert all(
        page.initial(row.term) == each.letter for each in page.letters() for row in each.terms
    )


def test_accents_and_capitals_do_not_change_the_order():
    assert page.plain("Époque") == "epoque"
    assert page.plain("Éa") < page.plain("eb") < page.plain("Ec")


def test_the_filter_knows_aliases_and_the_names_of_both_languages():
    rows = {row.term.slug: row for each in page.letters() for row in each.terms}
    assert rows["perplexity"].names.split("\n")[:2] == ["Perplexity", "PPL"]
    assert "Perplexité" in rows["perplexity"].names.split("\n")


def test_a_term_shows_its_formula_its_neighbours_and_its_other_name(client):
    html = client.get("/reference/glossary/perplexity/").content.decode()
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in html
    assert '<span lang="fr">Perplexité</span>' in html
    assert 'href="/reference/glossary/cross-entropy/"' in html
    assert 'data-term="vocabulary"' in html


def test_a_term_says_where_it_occurs(vera, atlas):
    services.sync()
    rate = term_page("learning-rate", vera, atlas)
    settings = occurs(rate, "settings")
    assert settings[0].url == "/recipes/gpt2-125m/#field-training-learning_rate"
    assert "has+last(lr)" in occurs(rate, "metrics")[0].url
    dpo = term_page("dpo", vera, atlas)
    assert [place.url for place in occurs(dpo, "recipes")] == ["/recipes/dpo/"]
    assert [place.url for place in occurs(dpo, "concepts")] == ["/reference/#dpo"]


def test_terms_follow_one_another(vera, atlas):
    ordered = [row.term for each in page.letters() for row in each.terms]
    for before, term, after in zip([None, *ordered], ordered, [*ordered[1:], None], strict=False):
        assert page.around(term) == (before, after)


def test_what_a_recipe_shows_can_be_linked_to(client, atlas):
    services.sync()
    html = client.get("/recipes/gpt2-125m/").content.decode()
    assert 'id="field-training-learning_rate"' in html


def test_a_term_that_is_not_there_is_not_found(client):
    assert client.get("/reference/glossary/nothing/").status_code == 404


def test_a_person_in_no_project_reads_the_glossary(db):
    browser = Client()
    browser.force_login(make_user("nobody@example.com"))
    assert browser.get("/reference/glossary/").status_code == 200
    assert b"Perplexity" in browser.get("/reference/glossary/perplexity/").content


def test_sums_have_their_bounds_below_and_above():
    latex = r"\left(\sum_{i=1}^n x\right)"
    assert "<munderover>" in mathml(latex)
    assert "<munderover>" not in mathml(latex, inline=True)
