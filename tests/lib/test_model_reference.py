"""How models are named."""

import pytest
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from hypothesis import given
from hypothesis import strategies as st

from llmhub.lib import model_reference
from llmhub.lib.model_reference import Kind, NotAReference


@pytest.mark.parametrize(
    "name",
    ["openai-community/gpt2", "HuggingFaceTB/SmolLM2-135M", "a/b", "meta-llama/Llama-2-7b_hf.v1"],
)
def test_a_model_of_the_hugging_face_hub(name):
    assert str(model_reference.parse(name)) == name


@pytest.mark.parametrize(
    "name",
    ["a--b/c", "a/b..c", "a/b.git", "a/b-", "a/b.", "a-/b", "a/-b", "a/b/c", "a/", "/b", "a b/c"],
)
def test_what_the_hugging_face_hub_would_never_name(name):
    with pytest.raises(HFValidationError):
        validate_repo_id(name)
    with pytest.raises(NotAReference):
        model_reference.parse(name)


@given(st.text("aB1-._g", max_size=5), st.text("aB1-._git", max_size=8))
def test_no_name_is_taken_that_the_hub_s_own_library_refuses(owner, name):
    try:
        reference = model_reference.parse(f"{owner}/{name}")
    except NotAReference:
        return
    assert reference.kind is Kind.HUB
    validate_repo_id(reference.name)
