"""Numbers as people read them; tests/js/format.test.mjs asks the browser the same."""

import math

import pytest

from llmhub.dashboard import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1234567, "1.23M"),
        (999_900, "1M"),
        (124_439_808, "124M"),
        (3e12, "3T"),
        (999.4e12, "999T"),
        (2**63 - 1, "9.22 × 10¹⁸"),
        (-2e16, "-2 × 10¹⁶"),
        (-2500, "-2.5k"),
        (math.inf, "∞"),
        (None, ""),
    ],
)
def test_counts_get_a_prefix_and_three_digits(value, text):
    assert numbers.compact(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (2.14159, "2.142"),
        (11.8651, "11.87"),
        (0.0006, "0.0006"),
        (0.000012346, "1.235e-05"),
        (20911, "20.9k"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (None, ""),
    ],
)
def test_measured_values_keep_four_digits(value, text):
    assert numbers.figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (11_400, "3 h 10 min"),
        (187_200, "2 d 4 h"),
        (None, ""),
    ],
)
def test_durations_name_their_two_largest_units(seconds, text):
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(1023, "1023 B"), (8 * 2**30, "8 GiB"), (None, "")])
def test_memory_is_told_in_powers_of_1024(size, text):
    assert numbers.binary(size) == text
