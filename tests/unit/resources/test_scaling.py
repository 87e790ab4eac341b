"""Scale: what of an object it shows, and what of the object it changes."""

from __future__ import annotations

import pytest

from apiserver.resources.scaling import desired_of, scale_of, scaled, validate_scale
from tests.unit.resources.writing import Kind

METADATA = {
    "name": "a",
    "namespace": "n",
    "uid": "u",
    "resourceVersion": "5",
    "creationTimestamp": "2026-01-01T00:00:00Z",
}
EXPRESSION = {"key": "tier", "operator": "In", "values": ["x", "b"]}

SCALED = [
    ("apps/v1", "Deployment", {"matchLabels": {"b": "c", "a": "b"}}, "a=b,b=c"),
    ("apps/v1", "ReplicaSet", {"matchExpressions": [EXPRESSION]}, "tier in (b,x)"),
    ("apps/v1", "StatefulSet", {"matchLabels": {"a": "b"}}, "a=b"),
    ("v1", "ReplicationController", {"b": "c", "a": "b"}, "a=b,b=c"),
]


@pytest.mark.parametrize(("api_version", "kind", "selector", "text"), SCALED)
def test_a_scale_shows_identity_numbers_and_selector(
    api_version: str, kind: str, selector: dict, text: str
) -> None:
    scaling = Kind(api_version, kind).strategy.scale
    assert scaling is not None
    document = {
        "metadata": {**METADATA, "labels": {"l": "m"}, "generation": 3},
        "spec": {"replicas": 2, "selector": selector},
        "status": {"replicas": 1},
    }
    assert scale_of(document, scaling) == {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": METADATA,
        "spec": {"replicas": 2},
        "status": {"replicas": 1, "selector": text},
    }


def test_none_is_not_written_in_the_spec() -> None:
    scaling = Kind("apps/v1", "Deployment").strategy.scale
    assert scaling is not None
    document = {"metadata": METADATA, "spec": {"replicas": 0}, "status": {}}
    scale = scale_of(document, scaling)
    assert (scale["spec"], scale["status"], desired_of(scale)) == ({}, {"replicas": 0}, 0)


def test_scaling_changes_one_member_of_a_copy() -> None:
    scaling = Kind("apps/v1", "Deployment").strategy.scale
    assert scaling is not None
    document = {"metadata": METADATA, "spec": {"replicas": 1, "paused": True}}

    assert scaled(document, scaling, 4)["spec"] == {"replicas": 4, "paused": True}
    assert document["spec"] == {"replicas": 1, "paused": True}


@pytest.mark.parametrize("kind", ["DaemonSet", "ControllerRevision"])
def test_what_has_no_number_of_replicas_is_not_scaled(kind: str) -> None:
    assert Kind("apps/v1", kind).strategy.scale is None


def test_fewer_than_none_are_refused() -> None:
    assert validate_scale({"spec": {}}) == []
    assert [str(error) for error in validate_scale({"spec": {"replicas": -2}})] == [
        "spec.replicas: Invalid value: -2: must be greater than or equal to 0"
    ]
