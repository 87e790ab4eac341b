"""Conversion of autoscalers: v1 carries in annotations what it has no field for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from apiserver.resources.builtin.autoscaling.versions import default_metric, to_v1, to_v2

PREFIX = "autoscaling.alpha.kubernetes.io"
REFERENCE = {"kind": "Service", "name": "s", "apiVersion": "v1"}
SELECTOR = {"matchLabels": {"a": "b"}}
METRIC = {"name": "m", "selector": SELECTOR}
CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}
RULES = {"selectPolicy": "Max", "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}

METRICS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"type": "Resource", "resource": {"name": "memory", "target": {
            "type": "AverageValue", "averageValue": "1Gi"}}},
        {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "1Gi"}},
    ),
    (
        {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "c",
         "target": {"type": "Utilization", "averageUtilization": 5}}},
        {"type": "ContainerResource", "containerResource": {
            "name": "cpu", "targetAverageUtilization": 5, "container": "c"}},
    ),
    (
        {"type": "Pods", "pods": {"metric": METRIC, "target": {
            "type": "AverageValue", "averageValue": "3"}}},
        {"type": "Pods", "pods": {
            "metricName": "m", "targetAverageValue": "3", "selector": SELECTOR}},
    ),
    (
        {"type": "Object", "object": {"describedObject": REFERENCE, "metric": METRIC,
         "target": {"type": "Value", "value": "3"}}},
        {"type": "Object", "object": {"target": REFERENCE, "metricName": "m", "targetValue": "3",
         "selector": SELECTOR}},
    ),
    (
        {"type": "Object", "object": {"describedObject": REFERENCE, "metric": METRIC,
         "target": {"type": "AverageValue", "averageValue": "3"}}},
        {"type": "Object", "object": {"target": REFERENCE, "metricName": "m", "targetValue": "0",
         "selector": SELECTOR, "averageValue": "3"}},
    ),
    (
        {"type": "External", "external": {"metric": METRIC, "target": {
            "type": "AverageValue", "averageValue": "3"}}},
        {"type": "External", "external": {
            "metricName": "m", "metricSelector": SELECTOR, "targetAverageValue": "3"}},
    ),
]  # fmt: skip


def scaler(spec: dict[str, Any], status: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a"},
        "spec": {"maxReplicas": 5, **spec},
        "status": {"currentMetrics": None, "desiredReplicas": 0, **(status or {})},
    }


def annotation(document: dict[str, Any], name: str) -> Any:
    return orjson.loads(document["metadata"]["annotations"][f"{PREFIX}/{name}"])


def test_the_share_of_cpu_is_a_member_of_its_own() -> None:
    old = to_v1(scaler({"metrics": [CPU]}))
    assert old["spec"] == {"maxReplicas": 5, "targetCPUUtilizationPercentage": 80}
    assert old["status"] == {"currentReplicas": 0, "desiredReplicas": 0}
    assert "annotations" not in old["metadata"]
    assert to_v2(old) == scaler({"metrics": [CPU]})


@pytest.mark.parametrize(("metric", "carried"), METRICS)
def test_other_metrics_are_carried_in_the_older_form(metric: dict, carried: dict) -> None:
    new = scaler({"metrics": [CPU, metric]})
    old = to_v1(new)
    assert annotation(old, "metrics") == [carried]
    assert to_v2(old) == new


def test_a_behaviour_is_carried_in_the_internal_form() -> None:
    new = scaler({"metrics": [CPU], "behavior": {"scaleDown": RULES}})
    old = to_v1(new)
    assert old["metadata"]["annotations"][f"{PREFIX}/behavior"] == (
        '{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Max",'
        '"Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":60}],"Tolerance":null}}'
    )
    assert to_v2(old) == new


def test_a_status_survives_the_round_trip() -> None:
    usage = {"name": "cpu", "current": {"averageUtilization": 7, "averageValue": "70m"}}
    condition = {
        "type": "AbleToScale",
        "status": "True",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "reason": "Ready",
    }
    status = {
        "currentReplicas": 2,
        "currentMetrics": [{"type": "Resource", "resource": usage}],
        "conditions": [condition],
    }
    new = scaler({"metrics": [CPU]}, status)
    old = to_v1(new)

    assert old["status"]["currentCPUUtilizationPercentage"] == 7
    assert annotation(old, "conditions") == [condition]
    assert annotation(old, "current-metrics") == [
        {
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "currentAverageUtilization": 7,
                "currentAverageValue": "70m",
            },
        }
    ]
    assert to_v2(old) == new


def test_annotations_that_say_nothing_are_dropped() -> None:
    annotations = {f"{PREFIX}/metrics": "{", f"{PREFIX}/behavior": "5", "other": "x"}
    old = {"metadata": {"name": "a", "annotations": annotations}, "spec": {}, "status": {}}
    assert to_v2(old)["metadata"] == {"name": "a", "annotations": {"other": "x"}}
    assert to_v2(old)["spec"] == {"metrics": [default_metric()]}


def test_what_measures_nothing_has_the_default_in_either_version() -> None:
    assert to_v1(scaler({}, {}))["spec"]["targetCPUUtilizationPercentage"] == 80
