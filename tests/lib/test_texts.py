import pytest

from llmhub.lib.texts import is_storable


@pytest.mark.parametrize(
    "value", ["", "\\u0000", "\\\\u0000 is NUL", "😀", [None, True, 1e308], {"a": {"b": ["c"]}}]
)
def test_jsonb_takes(value):
    assert is_storable(value)


@pytest.mark.parametrize(
    "value",
    ["\0", "\\\0", "\ud800", {"\0": 1}, [[["\udfff"]]], float("nan"), [float("inf")], {1, 2}],
)
def test_jsonb_does_not_take(value):
    assert not is_storable(value)


def test_what_is_nested_too_deeply_is_not_taken():
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    assert not is_storable(nested)
