"""HorizontalPodAutoscalers of both versions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.resources.writing import Kind, Written, merged

KIND = Kind("autoscaling/v2", "HorizontalPodAutoscaler")
OLD_KIND = Kind("autoscaling/v1", "HorizontalPodAutoscaler")
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
SCALER = {"metadata": {"name": "a"}, "spec": {"scaleTargetRef": TARGET, "maxReplicas": 5}}
CPU_TARGET = {"type": "Utilization", "averageUtilization": 80}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": CPU_TARGET}}
NEGATIVE = "must be greater than or equal to 0"
REFERENCE = "spec.scaleTargetRef"
METRIC = "spec.metrics[0]"


def measuring(type_: str, source: str, **members: Any) -> dict:
    return {"metrics": [{"type": type_, source: members}]}


def down(**rules: Any) -> dict:
    policies = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    return {"behavior": {"scaleDown": {"policies": policies, **rules}}}


MISTAKES = [
    ({"minReplicas": 0}, [
        "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
        "spec.metrics: Forbidden: "
        "must specify at least one Object or External metric to support scaling to zero replicas",
    ]),
    ({"maxReplicas": None}, [
        "spec.maxReplicas: Required value: must be set and greater than 0",
        "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
    ]),
    ({"minReplicas": 6}, [
        "spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`",
    ]),
    ({"scaleTargetRef": {"kind": None, "name": "a/b", "apiVersion": "v1"}}, [
        f"{REFERENCE}.kind: Required value",
        f"{REFERENCE}.name: Invalid value: \"a/b\": may not contain '/'",
        f'{REFERENCE}.apiVersion: Invalid value: "v1": apiVersion must specify API group',
    ]),
    ({"scaleTargetRef": {"apiVersion": "a/b/c"}}, [
        f'{REFERENCE}.apiVersion: Invalid value: "a/b/c": '
        "unexpected GroupVersion string: a/b/c",
    ]),
    ({"metrics": [{"type": "Weather"}]}, [
        f'{METRIC}.type: Unsupported value: "Weather": supported values: "ContainerResource", '
        '"External", "Object", "Pods", "Resource"',
    ] * 2),
    ({"metrics": [{**CPU, "pods": {"metric": {"name": "m"}, "target": {"type": "Value"}}}]}, [
        f"{METRIC}.pods.target.averageValue: Required value: "
        "must specify a positive target averageValue",
        f"{METRIC}.pods: Forbidden: must populate the given metric source only",
    ]),
    (measuring("Resource", "resource", target={"type": "Share", "averageUtilization": 0}), [
        f"{METRIC}.resource.name: Required value: must specify a resource name",
        f'{METRIC}.resource.target.type: Invalid value: "Share": '
        "must be either Utilization, Value, or AverageValue",
        f"{METRIC}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
    ]),
    (measuring("Resource", "resource", name="cpu", target={**CPU_TARGET, "averageValue": "0"}), [
        f'{METRIC}.resource.target.averageValue: Invalid value: "0": must be positive',
        f"{METRIC}.resource.target.averageValue: Forbidden: "
        "may not set both a target raw value and a target utilization",
    ]),
    (measuring("ContainerResource", "containerResource", name="disk", target=CPU_TARGET), [
        f'{METRIC}.containerResource.name: Invalid value: "disk": '
        "must be a standard resource type or fully qualified",
        f'{METRIC}.containerResource.name: Invalid value: "disk": '
        "must be a standard resource for containers",
        f"{METRIC}.containerResource.container: Required value: must specify a container",
    ]),
    (measuring("Object", "object", describedObject={"kind": "Service", "name": "s"},
               metric={"name": "m"}, target={"type": "Value"}), [
        f"{METRIC}.object.target.averageValue: Required value: "
        "must set either a target value or averageValue",
    ]),
    (measuring("External", "external", metric={"name": "m"},
               target={"type": "Value", "value": "1", "averageValue": "1"}), [
        f"{METRIC}.external.target.value: Forbidden: "
        "may not set both a target value for metric and a per-pod target",
    ]),
    (down(stabilizationWindowSeconds=3601, selectPolicy="Mean"), [
        "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: "
        "must be less than or equal to 3600",
        'spec.behavior.scaleDown.selectPolicy: Unsupported value: "Mean": '
        'supported values: "Disabled", "Max", "Min"',
    ]),
    (down(policies=[{"type": "Nodes", "value": 0, "periodSeconds": 1801}], tolerance="-1"), [
        'spec.behavior.scaleDown.policies[0].type: Unsupported value: "Nodes": '
        'supported values: "Percent", "Pods"',
        "spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero",
        "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: "
        "must be less than or equal to 1800",
        f'spec.behavior.scaleDown.tolerance: Invalid value: "-1": {NEGATIVE}',
    ]),
]  # fmt: skip


def test_an_autoscaler_measures_the_cpu_by_default() -> None:
    written = KIND.create(SCALER)

    assert written.errors == []
    assert written.spec == {**SCALER["spec"], "minReplicas": 1, "metrics": [CPU]}
    assert "generation" not in written.object["metadata"]


def test_a_behaviour_is_completed_where_there_is_one() -> None:
    behavior = KIND.create(merged(SCALER, spec=down())).spec["behavior"]
    assert behavior == {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Pods", "value": 4, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ],
        },
        "scaleDown": {
            "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
        },
    }
    empty = KIND.create(merged(SCALER, spec={"behavior": {"scaleUp": {}}})).spec["behavior"]
    assert empty["scaleDown"]["policies"] == [
        {"type": "Percent", "value": 100, "periodSeconds": 15}
    ]


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(SCALER, spec=changes)).errors == errors


def test_the_one_kind_without_a_group_can_be_scaled() -> None:
    target = {"apiVersion": "v1", "kind": "ReplicationController"}
    assert KIND.create(merged(SCALER, spec={"scaleTargetRef": target})).errors == []


def test_what_was_allowed_once_may_stay() -> None:
    lapses = {"minReplicas": 0, "scaleTargetRef": {"apiVersion": "v1"}}
    external = measuring(
        "External", "external", metric={"name": "m"}, target={"type": "Value", "value": "1"}
    )
    document = merged(SCALER, spec={**lapses, **external})
    old = KIND.create(document)
    assert len(old.errors) == 2

    assert KIND.update(old, merged(document, spec={"maxReplicas": 9})).errors == []


def test_a_status_is_looked_at() -> None:
    old = KIND.create(SCALER)
    status = {"currentReplicas": -1, "desiredReplicas": -2}
    assert KIND.update(old, merged(SCALER, status=status), "status").errors == [
        f"status.currentReplicas: Invalid value: -1: {NEGATIVE}",
        f"status.desiredReplicas: Invalid value: -2: {NEGATIVE}",
    ]


def test_the_older_version_gets_its_own_default_and_the_same_rules() -> None:
    written = OLD_KIND.create(merged(SCALER, spec={"maxReplicas": -1}))
    assert written.spec["targetCPUUtilizationPercentage"] == 80
    assert written.errors == [
        "spec.maxReplicas: Invalid value: -1: must be greater than 0",
        "spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`",
    ]


PODS = {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"averageValue": "3"}}}
ROWS = [
    ([CPU], [], "cpu: <unknown>/80%"),
    (
        [CPU],
        [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 7}}}],
        "cpu: 7%/80%",
    ),
    ([], [], "<none>"),
    ([PODS], [], "<unknown>/3"),
    ([PODS], [{"type": "Pods", "pods": {"current": {"averageValue": "2"}}}], "2/3"),
    (
        [{"type": "External", "external": {"target": {"averageValue": "4"}}}],
        [],
        "<unknown>/4 (avg)",
    ),
    ([{"type": "Object", "object": {"target": {"value": "4"}}}], [], "<unknown>/4"),
    ([CPU, PODS, PODS, CPU], [], "cpu: <unknown>/80%, <unknown>/3 + 2 more..."),
]


@pytest.mark.parametrize(("metrics", "current", "shown"), ROWS)
def test_a_row_shows_aims_and_measures(metrics: list, current: list, shown: str) -> None:
    written = KIND.create(SCALER)
    spec = {**written.spec, "metrics": metrics}
    document = {**written.object, "spec": spec, "status": {"currentMetrics": current}}
    assert KIND.cells(Written(document)) == ["a", "Deployment/d", shown, "1", 5, 0, "<unknown>"]


def test_the_older_version_is_shown_alike() -> None:
    assert OLD_KIND.cells(OLD_KIND.create(SCALER)) == KIND.cells(KIND.create(SCALER))
