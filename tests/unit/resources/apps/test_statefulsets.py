"""StatefulSets."""

from __future__ import annotations

import pytest

from tests.unit.resources.writing import Kind, merged

KIND = Kind("apps/v1", "StatefulSet")
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
STATEFUL_SET = {
    "metadata": {"name": "a"},
    "spec": {
        "serviceName": "a",
        "selector": {"matchLabels": {"app": "a"}},
        "template": {
            "metadata": {"labels": {"app": "a"}},
            "spec": {
                "containers": [
                    {
                        "name": "c",
                        "image": "nginx",
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    }
                ]
            },
        },
        "volumeClaimTemplates": [CLAIM],
    },
}
NEGATIVE = "must be greater than or equal to 0"
FORBIDDEN = (
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
    "'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' "
    "and 'minReadySeconds' are forbidden"
)
PACE = "spec.updateStrategy.rollingUpdate"

MISTAKES = [
    (
        {"podManagementPolicy": "Sideways"},
        ["spec.podManagementPolicy: Invalid value: \"Sideways\": "
         "must be 'OrderedReady' or 'Parallel'"],
    ),
    (
        {"updateStrategy": {"type": "Slowly"}},
        ['spec.updateStrategy: Invalid value: {"Type":"Slowly","RollingUpdate":null}: '
         "must be 'RollingUpdate' or 'OnDelete'"],
    ),
    (
        {"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}},
        [f'{PACE}: Invalid value: {{"Partition":1,"MaxUnavailable":null}}: '
         "only allowed for updateStrategy 'RollingUpdate'"],
    ),
    (
        {"updateStrategy": {"rollingUpdate": {"partition": -1}}},
        [f"{PACE}.partition: Invalid value: -1: {NEGATIVE}"],
    ),
    (
        {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Keep"}},
        ["spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: \"Keep\": "
         'supported values: "Retain", "Delete"'],
    ),
    (
        {"replicas": -1, "minReadySeconds": -2, "ordinals": {"start": -3}},
        [
            f"spec.replicas: Invalid value: -1: {NEGATIVE}",
            f"spec.minReadySeconds: Invalid value: -2: {NEGATIVE}",
            f"spec.ordinals.start: Invalid value: -3: {NEGATIVE}",
        ],
    ),
    ({"serviceName": "a.b"}, ['spec.serviceName: Invalid value: "a.b": must not contain dots']),
    (
        {"selector": {"matchLabels": None}},
        ["spec.selector: Invalid value: {}: empty selector is invalid for statefulset"],
    ),
    (
        {"selector": {"matchExpressions": [{"key": "app", "operator": "In"}]}},
        [
            "spec.selector.matchExpressions[0].values: Required value: "
            "must be specified when `operator` is 'In' or 'NotIn'",
            'spec.selector: Invalid value: {"matchLabels":{"app":"a"},"matchExpressions":'
            '[{"key":"app","operator":"In"}]}',
        ],
    ),
    (
        {"volumeClaimTemplates": None},
        ['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ),
    (
        {"template": {"spec": {"restartPolicy": "Never", "activeDeadlineSeconds": 5}}},
        [
            'spec.template.spec.restartPolicy: Unsupported value: "Never": '
            'supported values: "Always"',
            "spec.template.spec.activeDeadlineSeconds: Forbidden: "
            "activeDeadlineSeconds in StatefulSet is not Supported",
        ],
    ),
]  # fmt: skip

CHANGES = [
    ({"replicas": 3}, []),
    ({"minReadySeconds": 3, "revisionHistoryLimit": 2, "ordinals": {"start": 1}}, []),
    ({"updateStrategy": {"type": "OnDelete"}}, []),
    ({"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}, []),
    ({"template": {"metadata": {"annotations": {"a": "b"}}}}, []),
    ({"serviceName": "b"}, [FORBIDDEN]),
    ({"podManagementPolicy": "Parallel"}, [FORBIDDEN]),
    ({"volumeClaimTemplates": [merged(CLAIM, spec={"volumeMode": "Block"})]}, [FORBIDDEN]),
    (
        {"selector": {"matchLabels": {"b": "c"}}, "template": {"metadata": {"labels": {"b": "c"}}}},
        [FORBIDDEN],
    ),
    ({"replicas": -1}, [f"spec.replicas: Invalid value: -1: {NEGATIVE}"]),
]


def test_a_stateful_set_gets_its_defaults() -> None:
    written = KIND.create(STATEFUL_SET)

    assert written.errors == []
    assert written.object["status"] == {"replicas": 0, "availableReplicas": 0}
    spec = dict(written.spec)
    assert spec.pop("template")["spec"]["dnsPolicy"] == "ClusterFirst"
    assert spec == {
        "serviceName": "a",
        "selector": {"matchLabels": {"app": "a"}},
        "volumeClaimTemplates": [
            {
                "kind": "PersistentVolumeClaim",
                "apiVersion": "v1",
                "metadata": {"name": "data"},
                "spec": {**CLAIM["spec"], "volumeMode": "Filesystem"},
                "status": {"phase": "Pending"},
            }
        ],
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "replicas": 1,
        "revisionHistoryLimit": 10,
    }


def test_a_strategy_that_is_named_brings_no_pace() -> None:
    changes = {"updateStrategy": {"type": "RollingUpdate"}}
    written = KIND.create(merged(STATEFUL_SET, spec=changes))
    assert written.spec["updateStrategy"] == {"type": "RollingUpdate"}


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(STATEFUL_SET, spec=changes)).errors == errors


@pytest.mark.parametrize(("changes", "errors"), CHANGES)
def test_only_some_of_the_spec_may_change(changes: dict, errors: list[str]) -> None:
    old = KIND.create(STATEFUL_SET)
    assert KIND.update(old, merged(STATEFUL_SET, spec=changes)).errors == errors


def test_what_was_wrong_may_stay_so() -> None:
    wrong = merged(STATEFUL_SET, spec={"serviceName": "A_b", "volumeClaimTemplates": None})
    old = KIND.create(wrong)
    assert old.errors

    assert KIND.update(old, merged(wrong, spec={"replicas": 2})).errors == []


def test_names_are_labels() -> None:
    assert KIND.strategy.name_problems("a.b") == ["must not contain dots"]


def test_doubtful_values_are_warned_about() -> None:
    claim = merged(CLAIM, spec={"resources": {"requests": {"storage": "1500m"}}})
    changes = {"revisionHistoryLimit": -1, "volumeClaimTemplates": [claim]}
    created = KIND.create(merged(STATEFUL_SET, spec=changes))
    fraction = 'resources.requests[storage]: fractional byte value "1500m" is invalid, must be'
    limit = (
        "spec.revisionHistoryLimit: a negative value retains all historical revisions; "
        "a value >= 0 is recommended"
    )
    claim_path = "spec.volumeClaimTemplates[0]"
    assert created.warnings == [f"{claim_path}.{fraction} an integer", limit]
    updated = KIND.update(created, merged(created.object, spec={"replicas": 2}))
    assert updated.warnings == [f"{claim_path}.Spec.{fraction} an integer", limit]


def test_a_status_adds_up() -> None:
    old = KIND.create(STATEFUL_SET)
    status = {"replicas": 1, "readyReplicas": 1, "currentReplicas": 2, "availableReplicas": 2}
    written = KIND.update(old, merged(STATEFUL_SET, status=status), "status")
    assert written.errors == [
        "status.currentReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas",
        "status.availableReplicas: Invalid value: 2: cannot be greater than status.readyReplicas",
    ]


def test_a_row_shows_what_kubectl_shows() -> None:
    assert KIND.cells(KIND.create(STATEFUL_SET)) == ["a", "0/1", "<unknown>", "c", "nginx"]
