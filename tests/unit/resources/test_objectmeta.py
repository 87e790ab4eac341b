"""Validation of metadata on updates: Kubernetes repeats errors as often as it checks."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from apiserver.resources.objectmeta import validate_created, validate_update
from tests.unit.resources.writing import Kind

OLD: Object = {"metadata": {"name": "a", "namespace": "default", "uid": "u"}}


def changed(kind: str, **members: object) -> list[str]:
    strategy = Kind(*kind.split()).strategy
    old = OLD
    if not strategy.definition.namespaced:
        old = {"metadata": {k: v for k, v in OLD["metadata"].items() if k != "namespace"}}
    new = {"metadata": {**old["metadata"], **members}}
    return [str(error) for error in validate_update(new, old, strategy, strategy.updates[""])]


@pytest.mark.parametrize(
    ("kind", "labels", "finalizers", "prefixes"),
    [
        ("v1 ConfigMap", 4, 2, 1),
        ("v1 Event", 2, 0, 0),
        ("v1 LimitRange", 3, 1, 1),
        ("v1 PersistentVolume", 4, 2, 2),
        ("v1 Pod", 4, 2, 1),
        ("v1 ReplicationController", 3, 1, 0),
        ("v1 Service", 3, 1, 0),
        ("admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration", 3, 0, 1),
        ("apps/v1 ControllerRevision", 4, 2, 1),
        ("apps/v1 Deployment", 3, 1, 0),
        ("apps/v1 ReplicaSet", 3, 1, 0),
        ("batch/v1 CronJob", 3, 1, 0),
        ("coordination.k8s.io/v1 Lease", 3, 0, 0),
        ("discovery.k8s.io/v1 EndpointSlice", 3, 1, 1),
        ("flowcontrol.apiserver.k8s.io/v1 FlowSchema", 3, 1, 1),
        ("policy/v1 PodDisruptionBudget", 2, 0, 0),
        ("rbac.authorization.k8s.io/v1 Role", 4, 2, 0),
        ("resource.k8s.io/v1 ResourceSlice", 3, 1, 0),
    ],
)
def test_a_fault_is_found_as_often_as_the_kind_looks(
    kind: str, labels: int, finalizers: int, prefixes: int
) -> None:
    assert len(changed(kind, labels={"a": "not valid"})) == labels
    assert len(changed(kind, finalizers=["unqualified"])) == finalizers
    assert len(changed(kind, generateName="Not_Valid!")) == prefixes


def test_what_cannot_be_a_name_at_all_is_said_without_an_index() -> None:
    found = changed("policy/v1 PodDisruptionBudget", finalizers=["a/b/c"])
    assert [error.split(":")[0] for error in found] == ["metadata.finalizers"]


def test_a_kind_without_rules_for_names_takes_whatever_has_a_path() -> None:
    strategy = Kind("policy/v1", "PodDisruptionBudget").strategy
    named = {"metadata": {**OLD["metadata"], "name": "Not_Valid!"}}
    assert validate_created(named, strategy) == []
    named = {"metadata": {**OLD["metadata"], "name": "a/b"}}
    assert len(validate_created(named, strategy)) == 1


LONG = "m" * 129
ENTRY = {"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1"}


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"manager": LONG}, "manager: Too long: may not be more than 128 bytes"),
        (
            {"manager": "é\t"},
            'manager: Invalid value: "é\\t": invalid character U+0009 (at position 2)',
        ),
        ({"subresource": 2 * LONG}, "subresource: Too long: may not be more than 256 bytes"),
        ({"operation": "Up"}, 'operation: Invalid value: "Up": must be `Apply` or `Update`'),
        ({"fieldsType": "V2"}, 'fieldsType: Invalid value: "V2": must be `FieldsV1`'),
    ],
)
def test_managers_that_a_client_sends_are_validated(entry: Object, complaint: str) -> None:
    found = changed("v1 ConfigMap", managedFields=[ENTRY, {**ENTRY, **entry}])
    assert set(found) == {f"metadata.managedFields[1].{complaint}"}
    assert len(found) == 4
    assert changed("v1 ConfigMap", managedFields=[ENTRY]) == []
