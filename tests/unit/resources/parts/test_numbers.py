"""Numbers, and numbers that may be shares."""

from __future__ import annotations

import pytest

from apiserver.resources.builtin.parts.intorpercent import (
    amount,
    percentage,
    scaled,
    validate_at_most_100_percent,
    validate_int_or_percent,
)
from apiserver.resources.builtin.parts.numbers import validate_nonnegative, validate_positive


def test_what_is_below_zero_is_refused() -> None:
    (error,) = validate_nonnegative(-1, "p")
    assert str(error) == "p: Invalid value: -1: must be greater than or equal to 0"
    (error,) = validate_positive(0, "p")
    assert str(error) == "p: Invalid value: 0: must be greater than 0"
    assert validate_nonnegative(0, "p") == validate_positive(1, "p") == []


@pytest.mark.parametrize("value", [0, 3, "0%", "250%"])
def test_a_number_or_a_share_is_taken(value: int | str) -> None:
    assert validate_int_or_percent(value, "p") == []


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (-1, "must be greater than or equal to 0"),
        ("3", "regex used for validation is '[0-9]+%')"),
        ("-3%", "regex used for validation is '[0-9]+%')"),
    ],
)
def test_anything_else_is_not(value: int | str, detail: str) -> None:
    (error,) = validate_int_or_percent(value, "p")
    assert error.body.endswith(detail)


def test_a_share_has_a_size_once_the_whole_is_known() -> None:
    assert (percentage("25%"), percentage(25), percentage("x")) == (25, None, None)
    assert scaled("25%", 10, round_up=True) == 3
    assert scaled("25%", 10, round_up=False) == 2
    assert scaled(4, 10, round_up=True) == amount(4) == 4
    assert (amount("7%"), amount("x")) == (7, 0)
    (error,) = validate_at_most_100_percent("101%", "p")
    assert error.body.endswith("must not be greater than 100%")
    with pytest.raises(ValueError, match="IntOrString"):
        scaled("x", 1, round_up=True)
