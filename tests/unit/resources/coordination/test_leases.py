"""Leases and RuntimeClasses."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

LEASE = Kind("coordination.k8s.io/v1", "Lease")
RUNTIME = Kind("node.k8s.io/v1", "RuntimeClass")
HELD = {"metadata": {"name": "a"}, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}}

MISTAKES = [
    ({}, []),
    (
        {"leaseDurationSeconds": 0, "leaseTransitions": -1},
        [
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
            "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
        ],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), MISTAKES)
def test_mistakes_are_named(spec: Object, errors: list[str]) -> None:
    changed = merged(HELD, spec=spec)
    assert LEASE.create(changed).errors == errors
    assert LEASE.update(LEASE.create(HELD), changed).errors == errors


def test_a_lease_is_made_by_an_update_and_renewed_knowingly() -> None:
    assert LEASE.strategy.allow_create_on_update
    assert not LEASE.strategy.allow_unconditional_update


def test_a_row_shows_the_holder() -> None:
    assert LEASE.cells(LEASE.create(HELD))[:2] == ["a", "me"]


def test_the_handler_of_a_runtime_stays() -> None:
    class_ = {"metadata": {"name": "a"}, "handler": "runc"}
    made = RUNTIME.create(class_)
    assert RUNTIME.update(made, merged(class_, handler="kata")).errors == [
        'handler: Invalid value: "kata": field is immutable'
    ]
    assert RUNTIME.cells(made)[:2] == ["a", "runc"]


def test_the_handler_of_a_runtime_is_a_label() -> None:
    (error,) = RUNTIME.create({"metadata": {"name": "a"}, "handler": "a.b"}).errors
    assert error == 'handler: Invalid value: "a.b": must not contain dots'
