"""PersistentVolumes."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "PersistentVolume")
VOLUME = {
    "metadata": {"name": "v"},
    "spec": {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "nfs": {"server": "s", "path": "/p"},
    },
}

MISTAKES = [
    ({"nfs": None}, ["spec: Required value: must specify a volume type"]),
    (
        {"hostPath": {"path": "/x"}},
        ["spec.nfs: Forbidden: may not specify more than 1 volume type"],
    ),
    ({"accessModes": None}, ["spec.accessModes: Required value"]),
    (
        {"accessModes": ["Odd"]},
        [
            'spec.accessModes: Unsupported value: "Odd": supported values: "ReadOnlyMany", '
            '"ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"'
        ],
    ),
    (
        {"capacity": None},
        [
            "spec.capacity: Required value",
            'spec.capacity: Unsupported value: null: supported values: "storage"',
        ],
    ),
    (
        {"capacity": {"storage": "0"}},
        ['spec.capacity[storage]: Invalid value: "0": must be greater than zero'],
    ),
    (
        {"persistentVolumeReclaimPolicy": "Odd"},
        [
            'spec.persistentVolumeReclaimPolicy: Unsupported value: "Odd": '
            'supported values: "Delete", "Recycle", "Retain"'
        ],
    ),
    (
        {"volumeMode": "Odd"},
        ['spec.volumeMode: Unsupported value: "Odd": supported values: "Block", "Filesystem"'],
    ),
    (
        {"nfs": None, "local": {"path": "/x"}},
        ["spec.nodeAffinity: Required value: Local volume requires node affinity"],
    ),
    (
        {"nfs": None, "csi": {"driver": "d"}},
        ["spec.csi.volumeHandle: Required value"],
    ),
    (
        {"nodeAffinity": {}},
        ["spec.nodeAffinity.required: Required value: must specify required node constraints"],
    ),
    (
        {"nfs": None, "hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"},
        [
            "spec.persistentVolumeReclaimPolicy: Forbidden: "
            "may not be 'recycle' for a hostPath mount of '/'"
        ],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), MISTAKES)
def test_mistakes_are_named(spec: Object, errors: list[str]) -> None:
    assert KIND.create(merged(VOLUME, spec=spec)).errors == errors


def test_a_volume_is_pending_and_kept() -> None:
    made = KIND.create(merged(VOLUME, status={"phase": "Bound"}))
    assert made.object["status"].keys() == {"phase", "lastPhaseTransitionTime"}
    assert made.object["status"]["phase"] == "Pending"
    assert made.spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert made.spec["volumeMode"] == "Filesystem"


def test_the_source_stays() -> None:
    made = KIND.create(VOLUME)
    (error,) = KIND.update(made, merged(VOLUME, spec={"nfs": {"path": "/q"}})).errors
    assert error.startswith(
        "spec.persistentvolumesource: Forbidden: "
        "spec.persistentvolumesource is immutable after creation\n"
    )
    assert '-  "Path": "/p"' in error
    assert not KIND.update(made, merged(VOLUME, spec={"storageClassName": "c"})).errors


def test_a_row_shows_claim_and_modes() -> None:
    claim = {"namespace": "n", "name": "c"}
    made = KIND.create(merged(VOLUME, spec={"claimRef": claim, "storageClassName": "fast"}))
    assert KIND.cells(made) == [
        "v", "1Gi", "RWO", "Retain", "Pending", "n/c", "fast", "<unset>", "", "<unknown>",
        "Filesystem",
    ]  # fmt: skip
