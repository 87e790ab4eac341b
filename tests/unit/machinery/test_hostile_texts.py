"""Texts that strangers choose: long ones are looked at once, and not kept.

What takes longer than the square of its length would not end within the timeout of a test.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import apiserver
from apiserver.machinery.integers import parse_integer
from apiserver.machinery.labels import SelectorError, parse_label_selector
from apiserver.machinery.quantity import parse_quantity
from apiserver.machinery.textcache import LONGEST, cache_by_text
from apiserver.resources.builtin.batch.cron import ScheduleError, check_schedule
from apiserver.resources.builtin.certificates import pem

ROOT = Path(apiserver.__file__).parent
LONG = 300_000


def test_only_results_of_short_texts_are_kept() -> None:
    calls: list[str] = []

    @cache_by_text(2)
    def length(text: str, other: str = "") -> int:
        calls.append(text)
        return len(text) + len(other)

    short, long = "a" * LONGEST, "a" * (LONGEST + 1)
    for _ in range(2):
        assert (length(short), length(long), length("", long)) == (256, 257, 257)
    assert calls == [short, long, "", long, ""]


def test_no_cache_of_texts_is_bounded_by_a_number_alone() -> None:
    """What takes no texts of clients may be: seconds, catalogued resources, certificates."""
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if re.search(r"^from functools import .*lru_cache", path.read_text(), re.MULTILINE)
    }
    assert found == {
        "access/authentication/authenticator.py", "access/quota/usage.py", "machinery/times.py",
    }  # fmt: skip


@pytest.mark.parametrize("text", [" " * LONG, " " * LONG + "("])
def test_a_selector_of_spaces_is_read_once(text: str) -> None:
    if text.endswith("("):
        with pytest.raises(SelectorError):
            parse_label_selector(text)
    else:
        assert not parse_label_selector(text)


@pytest.mark.parametrize("text", ["0" * LONG + "!", "1" * LONG + ".!", "1e" + "9" * LONG + "!"])
def test_a_quantity_that_is_none_is_read_once(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        parse_quantity(text)


def test_an_exponent_of_many_digits_is_a_large_one() -> None:
    assert parse_quantity("1e" + "9" * 5000)[0] == parse_quantity("1e1000")[0]


def test_a_duration_of_many_digits_is_read_once() -> None:
    with pytest.raises(ScheduleError):
        check_schedule("@every " + "0" * LONG)


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("-7", -7), ("+0", 0), ("0" * 5000 + "3", 3), ("9" * 5000, 1 << 80),
     ("-" + "9" * 5000, -(1 << 80))],
)  # fmt: skip
def test_integers_of_any_length_are_read(text: str, value: int) -> None:
    assert parse_integer(text) == value


@pytest.mark.parametrize("text", ["", "x", "1" * 50 + "x", "-" * 50])
def test_what_is_no_integer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"integer|invalid literal"):
        parse_integer(text)


@pytest.mark.parametrize(
    "data",
    [
        b"-----BEGIN A-----\n" * 100_000,
        b"-----BEGIN A-----\n" * 100_000 + b"-----END B-----\n",
        b"-----BEGIN a:-----\n" * 100_000 + b"-----END B-----\n",
        b"-----BEGIN A-----\n-----END B-----\n" * 50_000,
    ],
)
def test_blocks_that_never_end_are_looked_for_once(data: bytes) -> None:
    assert pem.decode(data) is None
