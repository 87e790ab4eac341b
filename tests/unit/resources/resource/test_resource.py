"""The kinds of dynamic resource allocation."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

API = "resource.k8s.io/v1"
CLAIM, SLICE = Kind(API, "ResourceClaim"), Kind(API, "ResourceSlice")
REQUEST = {"name": "r", "exactly": {"deviceClassName": "c"}}
CLAIMED = {"metadata": {"name": "a"}, "spec": {"devices": {"requests": [REQUEST]}}}
LISTED = {
    "metadata": {"name": "a"},
    "spec": {
        "driver": "d",
        "nodeName": "n",
        "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1},
    },
}


def test_what_a_claim_asks_for_stays() -> None:
    made = CLAIM.create(CLAIMED)
    (error,) = CLAIM.update(made, merged(CLAIMED, spec={"devices": {"requests": []}})).errors
    assert error.startswith("spec: Invalid value: {")
    assert error.endswith(": field is immutable")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, "pending"),
        ({"allocation": {}}, "allocated"),
        (
            {"allocation": {}, "reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]},
            "allocated,reserved",
        ),
    ],
)
def test_a_row_shows_the_state_of_a_claim(status: Object, state: str) -> None:
    written = CLAIM.update(CLAIM.create(CLAIMED), merged(CLAIMED, status=status), "status")
    assert CLAIM.cells(written)[:2] == ["a", state]


def test_a_slice_stays_with_its_driver_and_node() -> None:
    made = SLICE.create(LISTED)
    assert SLICE.update(made, merged(LISTED, spec={"nodeName": "m"})).errors == [
        'spec.nodeName: Invalid value: "m": field is immutable'
    ]
    assert SLICE.cells(made)[:4] == ["a", "n", "d", "p"]
    assert SLICE.strategy.field(made.object, "spec.nodeName") == "n"
