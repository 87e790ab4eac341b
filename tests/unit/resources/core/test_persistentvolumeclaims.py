"""PersistentVolumeClaims."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, Written, merged

KIND = Kind("v1", "PersistentVolumeClaim")
CLAIM = {
    "metadata": {"name": "c"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}},
    },
}
SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "s"}
OTHER = {"apiGroup": "example.com", "kind": "Thing", "name": "t"}


def sized(size: str) -> Object:
    return merged(CLAIM, spec={"resources": {"requests": {"storage": size}}})


def bound() -> Written:
    status = {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}
    made = KIND.create(merged(CLAIM, spec={"volumeName": "v"}))
    return KIND.update(made, merged(CLAIM, status=status), "status")


def fields(written: Written) -> list[str]:
    return [error.partition(": ")[0] for error in written.errors]


MISTAKES = [
    (
        {"accessModes": None},
        ["spec.accessModes: Required value: at least 1 access mode is required"],
    ),
    (
        {"resources": {"requests": None}},
        ["spec.resources[storage]: Required value"],
    ),
    (
        {"resources": {"requests": {"storage": "0"}}},
        ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ),
    (
        {"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]},
        ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"],
    ),
    (
        {"volumeMode": "Odd"},
        ['spec.volumeMode: Unsupported value: "Odd": supported values: "Block", "Filesystem"'],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), MISTAKES)
def test_mistakes_are_named(spec: Object, errors: list[str]) -> None:
    assert KIND.create(merged(CLAIM, spec=spec)).errors == errors


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"dataSource": SNAPSHOT}, {"dataSource": SNAPSHOT, "dataSourceRef": SNAPSHOT}),
        ({"dataSourceRef": SNAPSHOT}, {"dataSource": SNAPSHOT, "dataSourceRef": SNAPSHOT}),
        ({"dataSource": OTHER}, {}),
        ({"dataSourceRef": {**SNAPSHOT, "namespace": "n"}}, {}),
    ],
)  # fmt: skip
def test_both_names_of_a_source_are_filled_in(given: Object, kept: Object) -> None:
    spec = KIND.create(merged(CLAIM, spec=given)).spec
    assert {name: spec[name] for name in ("dataSource", "dataSourceRef") if name in spec} == kept


def test_a_claim_is_pending() -> None:
    made = KIND.create(merged(CLAIM, status={"phase": "Bound"}))
    assert made.object["status"] == {"phase": "Pending"}
    assert made.spec["volumeMode"] == "Filesystem"


@pytest.mark.parametrize(
    ("spec", "wrong"),
    [
        ({"volumeName": "v"}, []),
        ({"storageClassName": "c"}, []),
        ({"volumeMode": "Block"}, ["spec", "volumeMode"]),
        ({"accessModes": ["ReadOnlyMany"]}, ["spec"]),
        ({"resources": {"requests": {"storage": "3Gi"}}}, ["spec"]),
    ],
)
def test_a_claim_hardly_changes(spec: Object, wrong: list[str]) -> None:
    made = KIND.create(CLAIM)
    assert fields(KIND.update(made, merged(CLAIM, spec=spec))) == wrong


@pytest.mark.parametrize(
    ("size", "wrong"),
    [
        ("3Gi", []),
        ("1536Mi", []),
        ("1Gi", ["spec.resources.requests.storage"]),
        ("512Mi", ["spec.resources.requests.storage"]),
    ],
)
def test_a_bound_claim_grows_and_never_below_what_it_has(size: str, wrong: list[str]) -> None:
    new = merged(sized(size), spec={"volumeName": "v"})
    assert fields(KIND.update(bound(), new)) == wrong


def test_the_refusal_shows_the_difference() -> None:
    made = KIND.create(CLAIM)
    (error, _) = KIND.update(made, merged(CLAIM, spec={"volumeMode": "Block"})).errors
    assert error.startswith(
        "spec: Forbidden: spec is immutable after creation except resources.requests and "
        "volumeAttributesClassName for bound claims\n"
    )
    assert '+ "VolumeMode": "Block"' in error


@pytest.mark.parametrize(
    ("current", "name", "wrong"),
    [
        ("gold", "silver", []),
        ("gold", "", ["empty string"]),
        ("gold", None, ["nil"]),
        (None, "", []),
    ],
)
def test_a_bound_claim_may_change_its_class_of_attributes(
    current: str | None, name: str | None, wrong: list[str]
) -> None:
    gold = merged(CLAIM, spec={"volumeName": "v", "volumeAttributesClassName": "gold"})
    status = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
    if current is not None:
        status["currentVolumeAttributesClassName"] = current
    made = KIND.update(KIND.create(gold), merged(gold, status=status), "status")
    changed = merged(gold, spec={"volumeAttributesClassName": name})
    found = KIND.update(made, changed).errors
    assert [error for error in found if not error.startswith("spec:")] == [
        f"spec.volumeAttributesClassName: Forbidden: update to {it} is forbidden when "
        "status.currentVolumeAttributesClassName is not nil"
        for it in wrong
    ]


def test_a_row_shows_a_volume_once_there_is_one() -> None:
    assert KIND.cells(KIND.create(CLAIM))[1:7] == ["Pending", "", "", "", "", "<unset>"]
    assert KIND.cells(bound())[1:5] == ["Bound", "v", "1Gi", "RWO"]
