import pytest

from ops.translations import in_python, in_script, in_template


@pytest.mark.parametrize(
    "source",
    [
        "<p>Hello there</p>",
        '<button title="Remove it">{% translate "Remove" %}</button>',
        "<p>{{ count }} runs</p>",
        "{% if run %}<b>Done</b>{% endif %}",
    ],
)
def test_text_in_a_template_that_no_translator_sees_is_found(source):
    assert list(in_template(source))


@pytest.mark.parametrize(
    "source",
    [
        "<p>{% translate 'Hello there' %}</p>",
        "{% blocktranslate with n=run.pk %}Run {{ n }} is <b>done</b>{% endblocktranslate %}",
        "{# Not shown to anybody #}{% comment %}Nor this{% endcomment %}",
        '<a class="button primary" href="/" data-kind="Some kind">{{ name }} · 3 %</a>',
        "<code>make up</code><script>const text = 'Not prose';</script>",
        "<h1>llmhub</h1>",
    ],
)
def test_other_text_in_a_template_is_left_alone(source):
    assert list(in_template(source)) == []


def test_a_finding_has_its_line():
    assert list(in_template("{% comment %}\n\n{% endcomment %}\n<p>Hello</p>")) == [(4, "Hello")]


def test_sentences_in_a_script_are_found_outside_gettext():
    assert list(in_script('label.textContent = "Not connected";')) == [(1, '"Not connected"')]
    assert list(in_script("const text = `Run {n} is over`;"))
    assert list(in_script('label.textContent = gettext("Not connected");')) == []
    assert list(in_script('// "Says so"\nthrow new Error("Not for people");')) == []


def test_plain_labels_and_messages_in_python_are_found():
    assert list(in_python('CharField(label="Learning rate")'))
    assert list(in_python('messages.success(request, f"Run {name} was stopped.")'))
    assert list(in_python('raise ValidationError("This name is taken.")'))
    assert list(in_python('CharField(label=_("Learning rate"))')) == []
    assert list(in_python('logger.info("Nothing to see here")')) == []
