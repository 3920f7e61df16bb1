import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from llmhub.recipes import specs
from llmhub.recipes.changes import Change, difference
from llmhub.recipes.content import load
from llmhub.recipes.fields import describe
from llmhub.recipes.forms import editable, read, shown
from llmhub.recipes.problems import explain
from llmhub.recipes.templatetags.recipes import value

RECIPES = {content.slug: content.spec for content in load()}
GPT2 = RECIPES["gpt2-125m"]

rates = st.floats(min_value=1e-12, max_value=10, allow_nan=False)
shares = st.integers(1, 99).map(lambda percent: {"web": percent / 100, "own": 1 - percent / 100})
pretrain_specs = st.builds(
    lambda rate, steps, heads, mix, accumulation: specs.override(
        GPT2,
        {
            "training.learning_rate": rate,
            "training.min_lr": rate / 10,
            "training.max_steps": steps,
            "training.warmup_steps": 0,
            "training.gradient_accumulation_steps": accumulation,
            "model.n_head": heads,
            "data.mix": mix,
        },
    ),
    rates,
    st.integers(1, specs.MAX_COUNT),
    st.sampled_from([1, 2, 3, 4, 6, 8, 12]),
    st.none() | shares,
    st.just("auto") | st.integers(1, 1_000),
)


@given(pretrain_specs)
def test_a_spec_comes_back_from_json(spec):
    assert specs.parse(json.loads(json.dumps(specs.dump(spec)))) == spec


@given(pretrain_specs)
def test_flattened_values_can_be_nested_again(spec):
    values = specs.dump(spec)
    assert specs.nest(specs.flatten(values)) == values


@given(pretrain_specs)
def test_what_a_form_shows_reads_back_as_the_same_values(spec):
    flat = specs.flatten(specs.dump(spec))
    posted = {
        name: shown(value)
        for name, value in flat.items()
        if value is not False and name in editable(flat)
    }
    back = specs.override(spec, read(editable(flat), posted))
    assert back == spec


@given(pretrain_specs)
def test_equal_specs_have_equal_digests(spec):
    again = specs.parse(specs.dump(spec))
    assert specs.digest(again) == specs.digest(spec)
    assert specs.digest(specs.override(spec, {"training.seed": 7})) != specs.digest(spec)


def test_differences_name_the_field_and_both_values_in_the_order_of_the_form():
    old = specs.flatten(specs.dump(GPT2))
    new = old | {"training.max_steps": 10, "model.n_layer": 2}
    assert difference(old, new) == [
        Change("model.n_layer", "Layers", 12, 2, ""),
        Change("training.max_steps", "Steps", 100_000, 10, "steps"),
    ]


def test_a_field_that_one_side_lacks_is_a_difference_too():
    old, new = (specs.flatten(specs.dump(RECIPES[slug])) for slug in ("gpt2-125m", "llama-7b"))
    changes = {change.name: change for change in difference(old, new)}
    assert (changes["model.n_embd"].old, changes["model.n_embd"].new) == (768, None)
    assert (changes["model.hidden_size"].old, changes["model.hidden_size"].new) == (None, 4096)


@pytest.mark.parametrize(
    ("overrides", "field", "reason"),
    [
        ({"training.learning_rate": "fast"}, "training.learning_rate", "Enter a number"),
        ({"training.learning_rate": 0}, "training.learning_rate", "greater than 0"),
        ({"training.learning_rate": float("nan")}, "training.learning_rate", "Enter a number"),
        ({"training.max_steps": 2.5}, "training.max_steps", "Enter a whole number"),
        ({"training.max_steps": None}, "training.max_steps", "Enter a whole number"),
        ({"model.n_layer": 0}, "model.n_layer", "at least 1"),
        ({"model.n_head": 7}, "model.n_head", "divide the width"),
        ({"model.dropout": 1}, "model.dropout", "less than 1"),
        ({"model.activation": "tanh"}, "model.activation", "Choose one of: gelu"),
        (
            {"training.gradient_accumulation_steps": "few"},
            "training.gradient_accumulation_steps",
            "or: auto",
        ),
        (
            {"training.gradient_accumulation_steps": 0},
            "training.gradient_accumulation_steps",
            "from 1",
        ),
        ({"training.global_batch_size": 4096}, "training.batch_size", "not both"),
        ({"training.min_lr": 1}, "training.min_lr", "above the peak"),
        ({"training.warmup_steps": 100_001}, "training.warmup_steps", "longer than the run"),
        ({"data.mix": {"web": 0.5}}, "data.mix", "add up to 1"),
        ({"data.mix": {"web": -0.5, "own": 1.5}}, "data.mix", "at"),
        ({"data.mix": "web"}, "data.mix", "not understood"),
        ({"runtime.compile": "maybe"}, "runtime.compile", "yes or no"),
    ],
)
def test_a_wrong_value_is_blamed_on_its_field_with_the_reason(overrides, field, reason):
    with pytest.raises(ValidationError) as caught:
        specs.override(GPT2, overrides)
    reasons = explain(caught.value, describe(GPT2))
    assert reasons.keys() == {field}
    assert reason in reasons[field][0]


@pytest.mark.parametrize("slug", ["sft", "reward-model", "dpo", "rlhf-ppo"])
def test_no_training_ends_before_its_warm_up_does(slug):
    with pytest.raises(ValidationError) as caught:
        specs.override(RECIPES[slug], warming_up(6, steps=5))
    reasons = explain(caught.value, describe(RECIPES[slug]))
    assert reasons == {"training.warmup_steps": ["The warm-up is longer than the run."]}


@pytest.mark.parametrize("steps", [6, None])
def test_a_warm_up_may_take_the_whole_training(steps):
    spec = specs.override(RECIPES["sft"], warming_up(6, steps=steps))
    assert spec.training.warmup_steps == 6


def test_what_was_kept_before_this_rule_can_be_read():
    values = specs.dump(specs.override(RECIPES["sft"], warming_up(6, steps=6)))
    values["training"]["max_steps"] = 5
    assert specs.stored(values).training.warmup_steps == 6
    with pytest.raises(ValidationError):
        specs.parse(values)


def warming_up(over: int, *, steps: int | None) -> dict:
    rates = {"training.warmup_steps": over, "training.warmup_ratio": 0}
    return rates | {"training.max_steps": steps}


@pytest.mark.parametrize(
    ("number", "text"), [(0.0006, "6e-4"), (0.00012, "1.2e-4"), (6e-5, "6e-5"), (0.0, "0.0")]
)
def test_a_form_writes_small_numbers_as_the_list_of_changes_does(number, text):
    assert shown(number) == text
    assert not number or value(number) == text
