"""Sums and differences of amounts."""

from __future__ import annotations

import pytest

from apiserver.access.quota.resource_totals import ResourceTotals, equal, increase


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([], {}),
        ([{"cpu": "500m"}, {"cpu": "1500m"}], {"cpu": "2"}),
        ([{"memory": "512Mi"}, {"memory": "512Mi", "cpu": "1"}], {"memory": "1Gi", "cpu": "1"}),
        # Nothing has no way to be written; of the others the first one says.
        ([{"memory": "0"}, {"memory": "1Gi"}], {"memory": "1Gi"}),
        ([{"memory": "1M"}, {"memory": "1Ki"}], {"memory": "1001024"}),
        ([{"memory": "1Ki"}, {"memory": "1M"}], {"memory": "1001024"}),
        ([{"pods": "1"}] * 1000, {"pods": "1k"}),
    ],
)
def test_amounts_add_up(amounts: list[dict[str, str]], expected: dict[str, str]) -> None:
    tally = ResourceTotals()
    for each in amounts:
        tally.add(each)
    assert tally.amounts() == expected


@pytest.mark.parametrize(
    ("amounts", "before", "expected"),
    [
        ({"cpu": "2"}, {"cpu": "500m"}, {"cpu": "1500m"}),
        ({"cpu": "1"}, {"cpu": "1000m"}, {}),
        ({"cpu": "1"}, {"cpu": "2"}, {}),
        ({"memory": "1Gi"}, {}, {"memory": "1Gi"}),
        ({"memory": "3Gi"}, {"memory": "1Gi"}, {"memory": "2Gi"}),
        ({"pods": "0"}, {}, {}),
        ({}, {"pods": "1"}, {}),
    ],
)
def test_an_increase_is_what_there_is_more_of(
    amounts: dict[str, str], before: dict[str, str], expected: dict[str, str]
) -> None:
    assert increase(amounts, before) == expected


@pytest.mark.parametrize(
    ("amounts", "others", "expected"),
    [
        ({}, {}, True),
        ({"cpu": "1"}, {"cpu": "1000m"}, True),
        ({"cpu": "1"}, {"cpu": "2"}, False),
        ({"cpu": "0"}, {}, False),
        ({"cpu": "1"}, {"memory": "1"}, False),
    ],
)
def test_amounts_are_equal_however_they_are_written(
    amounts: dict[str, str], others: dict[str, str], *, expected: bool
) -> None:
    assert equal(amounts, others) is expected
