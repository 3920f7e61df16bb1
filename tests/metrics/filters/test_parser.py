"""The filter language as text and as a tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.metrics.filters import tree
from llmhub.metrics.filters.errors import FilterError
from llmhub.metrics.filters.parser import parse, parse_operands


def error_of(text):
    try:
        parse(text)
    except FilterError as error:
        return error
    return None


def said(text):
    return str(parse(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state = running", "state = running"),
        ("  STATE==running  ", "STATE = running"),
        ("last(val/loss)<3", "last(val/loss) < 3"),
        ("config.training.learning_rate < 3e-4", "config.training.learning_rate < 3e-4"),
        ("a = 1 and b = 2 or c = 3", "a = 1 and b = 2 or c = 3"),
        ("a = 1 and (b = 2 or c = 3)", "a = 1 and (b = 2 or c = 3)"),
        ("((a = 1)) and (b = 2 and c = 3)", "a = 1 and b = 2 and c = 3"),
        ("not (a = 1 or b = 2)", "not (a = 1 or b = 2)"),
        ("state not in (running, queued)", "not state in (running, queued)"),
        ("name contains 'warm up'", 'name ~ "warm up"'),
        ("name not contains x", "name !~ x"),
        ("created < 7d ago", "created < 7d ago"),
        (r'name = "a \"b\" \\ c"', r'name = "a \"b\" \\ c"'),
        ("has tag", "has tag"),
        ("llama and not archived", "llama and not archived"),
        ("min('a (b)') > 1", 'min("a (b)") > 1'),
        ("name = é", "name = é"),
    ],
)
def test_a_filter_reads_as_it_is_written(text, expected):
    assert said(text) == expected


def test_nothing_said_is_no_filter():
    assert parse("") is None
    assert parse(" \n ") is None


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("state =", 7, 8),
        ("state running", 6, 13),
        ("state = running running", 16, 23),
        ("(state = running", 16, 17),
        ("state = running)", 15, 16),
        ("latest(val/loss) < 3", 0, 6),
        ("last(val/loss < 3", 14, 15),
        ("last() < 3", 5, 6),
        ("name = 'open", 7, 12),
        ("name ! x", 5, 6),
        ("state in running", 9, 16),
        ("state in ()", 10, 11),
        ("and", 0, 3),
        ("a = 1 and", 9, 10),
        ("name = a\0b", 8, 9),
        ("name = a\ud800", 8, 9),
        ("name = not", 7, 10),
    ],
)
def test_an_error_points_at_its_characters(text, start, end):
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert (caught.value.start, caught.value.end) == (start, end)


def test_a_function_that_is_nearly_right_is_named():
    with pytest.raises(FilterError) as caught:
        parse("lst(val/loss) < 3")
    assert caught.value.nearest == ["last"]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000,
        "not " * 400 + "a = 1",
        "(" * 21 + "a = 1" + ")" * 21,
        " and ".join(["a = 1"] * 51),
        "a in (" + ",".join(["1"] * 300) + ")",
        "x" * 2_001,
    ],
)
def test_what_is_too_long_or_too_deep_is_refused(text):
    with pytest.raises(FilterError):
        parse(text)


def test_columns_are_named_like_operands():
    figure = tree.Figure(function="last", metric="val/loss")
    assert parse_operands("state, last(val/loss)") == [tree.Name(text="state"), figure]
    with pytest.raises(FilterError):
        parse_operands("state = running")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    error = error_of(text)
    assert error is None or 0 <= error.start < error.end <= len(text) + 1


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = st.builds(
    lambda text: tree.Name(text=text),
    st.sampled_from(["state", "name", "config.model.n_layer", "a b", 'q"', "archived"]),
)
FIGURES = st.builds(
    lambda function, metric: tree.Figure(function=function, metric=metric),
    st.sampled_from(tree.FUNCTIONS),
    TEXTS.filter(bool),
)
VALUES = st.one_of(
    st.builds(lambda text: tree.Value(text=text, is_quoted=True), TEXTS),
    st.builds(lambda text: tree.Value(text=text), st.sampled_from(["1e-3", "running", "a.b/c@3"])),
    st.just(tree.Value(text="7d", ago=True)),
)
OPERANDS = NAMES | FIGURES
LEAVES = st.one_of(
    st.builds(
        lambda operand, sign, value: tree.Compare(operand=operand, sign=sign, value=value),
        OPERANDS, st.sampled_from(tree.SIGNS), VALUES,
    ),
    st.builds(
        lambda operand, values: tree.OneOf(operand=operand, values=tuple(values)),
        OPERANDS, st.lists(VALUES, min_size=1, max_size=3),
    ),
    st.builds(lambda operand: tree.Has(operand=operand), OPERANDS),
    st.builds(lambda name: tree.Flag(name=name), st.sampled_from(["archived", "trashed"])),
    st.builds(lambda value: tree.Search(value=value), VALUES.filter(lambda v: not v.ago)),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.builds(tree.Not, parts),
        st.builds(
            lambda some: tree.joined(tree.All, some), st.lists(parts, min_size=2, max_size=3)
        ),
        st.builds(
            lambda some: tree.joined(tree.Any_, some), st.lists(parts, min_size=2, max_size=3)
        ),
    ),
    max_leaves=8,
)


@given(TREES)
def test_a_tree_written_and_read_again_is_the_same(node):
    assert parse(str(node)) == node
