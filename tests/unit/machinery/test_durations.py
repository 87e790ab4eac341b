"""Durations as Go writes them."""

from __future__ import annotations

import pytest

from apiserver.machinery.durations import DurationError, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("0s", 0), ("5s", 5), ("1m30s", 90), ("1h0m0s", 3600), ("1.5h", 5400),
        ("300ms", 0.3), ("-1.5s", -1.5), ("+5s", 5), (".5s", 0.5), ("1.s", 1), ("10us", 1e-5),
        ("10µs", 1e-5), ("1ns", 1e-9),
    ],
)  # fmt: skip
def test_a_duration_is_a_sum_of_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("soon", 'time: invalid duration "soon"'),
        (".s", 'time: invalid duration ".s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("1h5", 'time: missing unit in duration "1h5"'),
        ("5days", 'time: unknown unit "days" in duration "5days"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_anything_else_is_refused_in_gos_words(text: str, message: str) -> None:
    with pytest.raises(DurationError) as refusal:
        parse_duration(text)
    assert str(refusal.value) == message
