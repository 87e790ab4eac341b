"""ReplicaSets."""

from __future__ import annotations

import pytest

from tests.unit.resources.writing import Kind, merged

KIND = Kind("apps/v1", "ReplicaSet")
REPLICA_SET = {
    "metadata": {"name": "a"},
    "spec": {
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]},
        },
    },
}
NEGATIVE = "must be greater than or equal to 0"
LABELS = "`selector` does not match template `labels`"

MISTAKES = [
    ({"replicas": -2}, [f"spec.replicas: Invalid value: -2: {NEGATIVE}"]),
    ({"minReadySeconds": -2}, [f"spec.minReadySeconds: Invalid value: -2: {NEGATIVE}"]),
    (
        {"selector": None},
        [
            "spec.selector: Required value",
            f'spec.template.metadata.labels: Invalid value: {{"app":"a"}}: {LABELS}',
        ],
    ),
    (
        {"selector": {"matchLabels": None}},
        ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    ),
    (
        {"template": {"metadata": None}},
        [f"spec.template.metadata.labels: Invalid value: null: {LABELS}"],
    ),
    (
        {"selector": {"matchExpressions": [{"key": "app", "operator": "Like"}]}},
        [
            'spec.selector.matchExpressions[0].operator: Invalid value: "Like": '
            "not a valid selector operator",
            'spec.selector: Invalid value: {"matchLabels":{"app":"a"},"matchExpressions":'
            '[{"key":"app","operator":"Like"}]}: invalid label selector',
        ],
    ),
    (
        {"selector": {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["x"]}]}},
        [
            "spec.selector.matchExpressions[0].values: Forbidden: may not be specified when "
            "`operator` is 'Exists' or 'DoesNotExist'",
            'spec.selector: Invalid value: {"matchLabels":{"app":"a"},"matchExpressions":'
            '[{"key":"app","operator":"Exists","values":["x"]}]}: invalid label selector',
        ],
    ),
    (
        {"template": {"spec": {"restartPolicy": "OnFailure"}}},
        [
            'spec.template.spec.restartPolicy: Unsupported value: "OnFailure": '
            'supported values: "Always"'
        ],
    ),
    (
        {"template": {"spec": {"activeDeadlineSeconds": 1}}},
        [
            "spec.template.spec.activeDeadlineSeconds: Forbidden: "
            "activeDeadlineSeconds in ReplicaSet is not Supported"
        ],
    ),
    (
        {"template": {"spec": {"containers": None}}},
        ["spec.template.spec.containers: Required value"],
    ),
]


def test_a_replica_set_gets_its_defaults() -> None:
    written = KIND.create(REPLICA_SET)

    assert written.errors == []
    assert written.spec["replicas"] == 1
    assert written.object["status"] == {"replicas": 0}
    assert written.generation == 1


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(REPLICA_SET, spec=changes)).errors == errors


def test_an_update_keeps_the_selector() -> None:
    old = KIND.create(REPLICA_SET)
    changed = merged(REPLICA_SET, spec={"selector": {"matchLabels": {"app": "b"}}})
    mismatch = f'spec.template.metadata.labels: Invalid value: {{"app":"a"}}: {LABELS}'

    assert KIND.update(old, changed).errors == [
        mismatch,
        'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
    ]


def test_a_status_adds_up() -> None:
    old = KIND.create(REPLICA_SET)
    status = {"replicas": 1, "fullyLabeledReplicas": 2, "readyReplicas": 1, "availableReplicas": 3}
    written = KIND.update(old, merged(REPLICA_SET, status=status), "status")

    assert written.errors == [
        "status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 3: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas",
    ]


def test_a_row_shows_what_kubectl_shows() -> None:
    created = KIND.create(
        merged(REPLICA_SET, metadata={"creationTimestamp": "1970-01-01T00:00:00Z"})
    )
    assert KIND.cells(created, now=7) == ["a", 1, 0, 0, "7s", "c", "nginx", "app=a"]
