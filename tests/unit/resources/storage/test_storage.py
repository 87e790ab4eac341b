"""StorageClasses, CSIDrivers and the other kinds of storage."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

API = "storage.k8s.io/v1"
CLASS, ATTRIBUTES = Kind(API, "StorageClass"), Kind(API, "VolumeAttributesClass")
DRIVER, NODE = Kind(API, "CSIDriver"), Kind(API, "CSINode")
ATTACHMENT, CAPACITY = Kind(API, "VolumeAttachment"), Kind(API, "CSIStorageCapacity")
NAMED = {"metadata": {"name": "a"}}
STORAGE_CLASS = {**NAMED, "provisioner": "example.com/p", "parameters": {"k": "v"}}
ATTACHED = {
    **NAMED,
    "spec": {"attacher": "d", "nodeName": "n", "source": {"persistentVolumeName": "v"}},
}
DRIVERS = {**NAMED, "spec": {"drivers": [{"name": "d", "nodeID": "i"}]}}
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)

MISTAKES = [
    (CLASS, {**NAMED}, ["provisioner: Required value"]),
    (
        CLASS,
        {**STORAGE_CLASS, "reclaimPolicy": "Recycle"},
        ['reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
    ),
    (
        CLASS,
        {**STORAGE_CLASS, "volumeBindingMode": "Odd"},
        [
            'volumeBindingMode: Unsupported value: "Odd": '
            'supported values: "Immediate", "WaitForFirstConsumer"'
        ],
    ),
    (
        CLASS,
        {**STORAGE_CLASS, "parameters": {"": "v"}},
        ['parameters: Invalid value: "": field can not be empty.'],
    ),
    (
        CLASS,
        {
            **STORAGE_CLASS,
            "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": []}]}],
        },
        ["allowedTopologies[0].matchLabelExpressions[0].values: Required value"],
    ),
    (
        ATTRIBUTES,
        {**NAMED, "driverName": "d"},
        ["parameters: Required value: must contain at least one key/value pair"],
    ),
    (
        DRIVER,
        {**NAMED, "spec": {"fsGroupPolicy": "Odd", "volumeLifecycleModes": ["Odd"]}},
        [
            'spec.fsGroupPolicy: Unsupported value: "Odd": supported values: '
            '"File", "None", "ReadWriteOnceWithFSType"',
            'spec.volumeLifecycleModes: Unsupported value: "Odd": '
            'supported values: "Persistent", "Ephemeral"',
        ],
    ),
    (
        DRIVER,
        {**NAMED, "spec": {"tokenRequests": [{"audience": "a", "expirationSeconds": 5}]}},
        [
            "spec.tokenRequests[0].expirationSeconds: Invalid value: 5: "
            "may not specify a duration less than 10 minutes"
        ],
    ),
    (
        NODE,
        {**NAMED, "spec": {"drivers": [{"name": "d", "nodeID": ""}]}},
        ["spec.drivers[0].nodeID: Required value"],
    ),
    (
        ATTACHMENT,
        merged(ATTACHED, spec={"source": {"persistentVolumeName": None}}),
        [
            "spec.source: Required value: "
            "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        ],
    ),
    (
        CAPACITY,
        {**NAMED, "storageClassName": "c", "capacity": "-1"},
        ['capacity: Invalid value: "-1": must be greater than or equal to 0'],
    ),
]

CHANGES = [
    (CLASS, STORAGE_CLASS, {"allowVolumeExpansion": True}, []),
    (
        CLASS,
        STORAGE_CLASS,
        {"provisioner": "x", "parameters": None},
        [
            "parameters: Invalid value: null: field is immutable",
            'provisioner: Invalid value: "x": field is immutable',
        ],
    ),
    (
        ATTRIBUTES,
        {**NAMED, "driverName": "d", "parameters": {"k": "v"}},
        {"driverName": "e"},
        ["driverName: Forbidden: updates to driverName are forbidden."],
    ),
    (
        DRIVER,
        NAMED,
        {"spec": {"attachRequired": False}},
        ["spec.attachedRequired: Invalid value: false: field is immutable"],
    ),
    (
        NODE,
        DRIVERS,
        {"spec": {"drivers": [{"name": "d", "nodeID": "j"}]}},
        [
            'spec.drivers: Invalid value: {"Name":"d","NodeID":"j","TopologyKeys":null,'
            '"Allocatable":null}: field is immutable'
        ],
    ),
    (NODE, DRIVERS, {"spec": {"drivers": []}}, []),
    (
        ATTACHMENT,
        ATTACHED,
        {"spec": {"nodeName": "m"}},
        [
            'spec: Invalid value: {"Attacher":"d","Source":{"PersistentVolumeName":"v",'
            '"InlineVolumeSpec":null},"NodeName":"m"}: field is immutable'
        ],
    ),
]


@pytest.mark.parametrize(("kind", "document", "errors"), MISTAKES)
def test_mistakes_are_named(kind: Kind, document: Object, errors: list[str]) -> None:
    assert kind.create(document).errors == errors


@pytest.mark.parametrize(("kind", "document", "changes", "errors"), CHANGES)
def test_what_others_rely_on_stays(
    kind: Kind, document: Object, changes: Object, errors: list[str]
) -> None:
    made = kind.create(document)
    assert kind.update(made, merged(document, **changes)).errors == errors


def test_a_class_deletes_volumes_and_binds_at_once() -> None:
    made = CLASS.create(STORAGE_CLASS).object
    assert (made["reclaimPolicy"], made["volumeBindingMode"]) == ("Delete", "Immediate")


def test_a_driver_gets_its_defaults_and_no_generation() -> None:
    made = DRIVER.create(NAMED)
    assert made.spec == {
        "attachRequired": True,
        "podInfoOnMount": False,
        "storageCapacity": False,
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "requiresRepublish": False,
        "seLinuxMount": False,
        "volumeLifecycleModes": ["Persistent"],
    }
    assert "generation" not in made.object["metadata"]
    changed = DRIVER.update(made, merged(NAMED, spec={"podInfoOnMount": True}))
    assert changed.generation == 1


ROWS = [
    (CLASS, STORAGE_CLASS, ["a", "example.com/p", "Delete", "Immediate", False]),
    (
        CLASS,
        merged(STORAGE_CLASS, metadata={"annotations": {
            "storageclass.kubernetes.io/is-default-class": "true"}}),
        ["a (default)", "example.com/p", "Delete", "Immediate", False],
    ),
    (
        ATTRIBUTES,
        {"metadata": {"name": "a", "annotations": {
            "volumeattributesclass.alpha.kubernetes.io/is-default-class": "true"}},
         "driverName": "d"},
        ["a (default)", "d"],
    ),
    (ATTRIBUTES, {**NAMED, "driverName": "d"}, ["a", "d"]),
    (DRIVER, NAMED, ["a", True, False, False, "<unset>", False, "Persistent"]),
    (NODE, DRIVERS, ["a", 1]),
    (ATTACHMENT, ATTACHED, ["a", "d", "v", "n", False]),
    (CAPACITY, {**NAMED, "storageClassName": "c"}, ["a", "c", "<unset>"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "document", "cells"), ROWS)
def test_rows_show_what_matters(kind: Kind, document: Object, cells: list[object]) -> None:
    assert kind.cells(kind.create(document))[: len(cells)] == cells
