"""ControllerRevisions."""

from __future__ import annotations

import pytest

from tests.unit.resources.writing import Kind, merged

KIND = Kind("apps/v1", "ControllerRevision")
REVISION = {"metadata": {"name": "a"}, "data": {"spec": {"x": 1}}, "revision": 3}

MISTAKES = [
    ({"data": None}, ["data: Required value: data is mandatory"]),
    (
        {"revision": -1},
        ["revision: Invalid value: -1: must be greater than or equal to 0"],
    ),
    (
        {"data": None, "revision": -1},
        [
            "data: Required value: data is mandatory",
            "revision: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(REVISION, **changes)).errors == errors


def test_the_number_may_change_and_the_data_not() -> None:
    old = KIND.create(REVISION)
    assert KIND.update(old, merged(REVISION, revision=4)).errors == []
    assert KIND.update(old, merged(REVISION, data={"other": 1})).errors == [
        'data: Invalid value: {"spec":{"x":1},"other":1}: field is immutable'
    ]


def test_a_row_shows_whose_history_it_is() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "u"}
    owned = merged(REVISION, metadata={"ownerReferences": [{**owner, "controller": True}]})

    assert KIND.cells(KIND.create(REVISION)) == ["a", "<none>", 3, "<unknown>"]
    assert KIND.cells(KIND.create(owned)) == ["a", "statefulset.apps/web", 3, "<unknown>"]
