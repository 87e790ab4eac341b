"""Quantities in their canonical form."""

from __future__ import annotations

import pytest

from apiserver.machinery.quantity import canonical, has_no_fraction, parse_quantity


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0", "0"),
        ("00", "0"),
        ("-0", "0"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("0.5", "500m"),
        ("1.5", "1500m"),
        ("-1.5", "-1500m"),
        ("1000", "1k"),
        ("5000k", "5M"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.1Gi", "107374182400m"),
        ("1e3", "1e3"),
        ("12e2", "1200"),
        ("0.1n", "1n"),
        ("9.5E", "9500P"),
        ("20000P", "20E"),
        ("10000000000000000000", "10E"),
        ("12345678901234567890", "12345678901234567890"),
        ("1e20", "100e18"),
        ("1e22", "10e21"),
        ("1e-3", "1e-3"),
        ("9Ei", "9223372036854775807"),
    ],
)
def test_a_quantity_has_no_fraction_and_the_largest_suffix(text: str, form: str) -> None:
    assert canonical(text) == form
    assert canonical(form) == form


@pytest.mark.parametrize("text", ["0010", "010m", "+5", "05Mi", "1.500", "1E3"])
def test_a_text_whose_digits_look_canonical_stays_as_it_is(text: str) -> None:
    assert canonical(text) == text


@pytest.mark.parametrize("text", ["", " 1", "1 Gi", "1GiB", "much", "1.2.3", "--1", "1e", "."])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match the regular expression"):
        canonical(text)


def test_a_number_of_any_size_tells_whether_it_is_whole() -> None:
    assert has_no_fraction(parse_quantity("1e900")[0])
    assert not has_no_fraction(parse_quantity("12345678901234567890.5")[0])
