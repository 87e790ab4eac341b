"""PriorityClasses."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from apiserver.resources.builtin.scheduling.priorityclasses import system_priority_classes
from tests.unit.resources.writing import Kind, merged

KIND = Kind("scheduling.k8s.io/v1", "PriorityClass")
CLASS = {"metadata": {"name": "a"}, "value": 1000}
RESERVED = (
    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system "
    "use only. error: "
)

MISTAKES = [
    ({}, []),
    (
        {"value": 1_000_000_001},
        [
            "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
        ],
    ),
    (
        {"preemptionPolicy": "Odd"},
        [
            'preemptionPolicy: Unsupported value: "Odd": '
            'supported values: "PreemptLowerPriority", "Never"'
        ],
    ),
    (
        {"metadata": {"name": "system-x"}},
        [f"{RESERVED}system-x is not a known system priority class"],
    ),
    (
        {"metadata": {"name": "system-node-critical"}},
        [f"{RESERVED}value of system-node-critical PriorityClass must be 2000001000"],
    ),
]

CHANGES = [
    ({"description": "d", "globalDefault": True}, []),
    ({"value": 5}, ["value: Forbidden: may not be changed in an update."]),
    (
        {"preemptionPolicy": "Never"},
        ['preemptionPolicy: Invalid value: "Never": field is immutable'],
    ),
]


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_named(changes: Object, errors: list[str]) -> None:
    assert KIND.create(merged(CLASS, **changes)).errors == errors


@pytest.mark.parametrize(("changes", "errors"), CHANGES)
def test_the_priority_stays(changes: Object, errors: list[str]) -> None:
    written = KIND.update(KIND.create(CLASS), merged(CLASS, **changes))
    assert written.errors == errors
    assert errors or written.generation == 1


def test_the_classes_of_the_system_are_valid() -> None:
    for document in system_priority_classes():
        bare = {key: value for key, value in document.items() if key not in ("kind", "apiVersion")}
        assert KIND.create(bare).errors == []


def test_a_row_shows_value_and_policy() -> None:
    assert KIND.cells(KIND.create(CLASS)) == [
        "a", 1000, False, "<unknown>", "PreemptLowerPriority",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["system-node-critical", "system-cluster-critical", "mine"])
def test_the_classes_of_the_system_stay(name: str) -> None:
    refusal = "this is a system priority class and cannot be deleted"
    assert KIND.strategy.deletion_refusal(name) == ("" if name == "mine" else refusal)
