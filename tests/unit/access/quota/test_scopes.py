"""Which objects are within the scopes of a quota."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.quota.limits import in_scopes
from apiserver.access.quota.usage import evaluator_of
from apiserver.machinery.gvk import GroupResource

PODS = GroupResource("", "pods")
CLAIMS = GroupResource("", "persistentvolumeclaims")


def selector(scope: str, operator: str, *values: str) -> dict[str, Any]:
    expression = {"scopeName": scope, "operator": operator, "values": list(values)}
    return {"scopeSelector": {"matchExpressions": [expression]}}


def within(quota: dict[str, Any], resource: GroupResource, document: dict[str, Any]) -> bool:
    evaluator = evaluator_of(resource)
    assert evaluator is not None
    return in_scopes({"spec": quota}, evaluator, document)


def asking(**resources: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "resources": resources}]}


def affine(kind: str, **term: Any) -> dict[str, Any]:
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


PREFERRED = [{"weight": 1, "podAffinityTerm": {"namespaceSelector": {}}}]
PRIORITY, ATTRIBUTES = "PriorityClass", "VolumeAttributesClass"


@pytest.mark.parametrize(
    ("quota", "spec", "expected"),
    [
        ({}, {}, True),
        ({"scopes": ["Terminating"]}, {"activeDeadlineSeconds": 5}, True),
        ({"scopes": ["Terminating"]}, {}, False),
        ({"scopes": ["NotTerminating"]}, {"activeDeadlineSeconds": 5}, False),
        ({"scopes": ["NotTerminating"]}, {}, True),
        ({"scopes": ["BestEffort"]}, asking(), True),
        ({"scopes": ["BestEffort"]}, asking(requests={"cpu": "0"}), True),
        ({"scopes": ["BestEffort"]}, asking(requests={"example.com/gpu": "1"}), True),
        ({"scopes": ["BestEffort"]}, asking(limits={"memory": "1Mi"}), False),
        ({"scopes": ["BestEffort"]}, {"resources": {"requests": {"cpu": "1"}}}, False),
        ({"scopes": ["NotBestEffort"]}, asking(requests={"cpu": "1m"}), True),
        ({"scopes": ["NotBestEffort"]}, asking(), False),
        ({"scopes": ["BestEffort", "Terminating"]}, asking(), False),
        (
            {"scopes": ["BestEffort", "Terminating"]},
            {**asking(), "activeDeadlineSeconds": 5},
            True,
        ),
        (selector(PRIORITY, "In", "a", "b"), {"priorityClassName": "b"}, True),
        (selector(PRIORITY, "In", "a"), {"priorityClassName": "b"}, False),
        (selector(PRIORITY, "In", "a"), {}, False),
        (selector(PRIORITY, "NotIn", "a"), {"priorityClassName": "a"}, False),
        (selector(PRIORITY, "NotIn", "a"), {"priorityClassName": "b"}, True),
        (selector(PRIORITY, "NotIn", "a"), {}, True),
        (selector(PRIORITY, "Exists"), {"priorityClassName": "a"}, True),
        (selector(PRIORITY, "Exists"), {}, False),
        (selector(PRIORITY, "DoesNotExist"), {}, True),
        (selector(PRIORITY, "DoesNotExist"), {"priorityClassName": "a"}, False),
        ({"scopes": [PRIORITY]}, {"priorityClassName": "a"}, True),
        (
            {"scopes": ["CrossNamespacePodAffinity"]},
            affine("podAffinity", namespaces=["x"]),
            True,
        ),
        (
            {"scopes": ["CrossNamespacePodAffinity"]},
            affine("podAntiAffinity", namespaceSelector={}),
            True,
        ),
        ({"scopes": ["CrossNamespacePodAffinity"]}, affine("podAffinity", namespaces=[]), False),
        (
            {"scopes": ["CrossNamespacePodAffinity"]},
            {
                "affinity": {
                    "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": PREFERRED}
                }
            },
            True,
        ),
        ({"scopes": ["CrossNamespacePodAffinity"]}, {}, False),
        ({"scopes": [ATTRIBUTES]}, {}, False),
    ],
)
def test_a_pod_is_within_scopes(
    quota: dict[str, Any], spec: dict[str, Any], expected: bool
) -> None:
    assert within(quota, PODS, {"spec": spec}) is expected


def test_what_a_pod_is_said_to_be_counts() -> None:
    burstable = {"spec": asking(), "status": {"qosClass": "Burstable"}}
    assert not within({"scopes": ["BestEffort"]}, PODS, burstable)


CHANGING = {
    "spec": {"volumeAttributesClassName": "new"},
    "status": {
        "currentVolumeAttributesClassName": "old",
        "modifyVolumeStatus": {"targetVolumeAttributesClassName": "other"},
    },
}


@pytest.mark.parametrize(
    ("quota", "claim", "expected"),
    [
        ({"scopes": [ATTRIBUTES]}, {"spec": {}}, False),
        ({"scopes": [ATTRIBUTES]}, CHANGING, True),
        (selector(ATTRIBUTES, "In", "new"), CHANGING, True),
        (selector(ATTRIBUTES, "In", "old"), CHANGING, True),
        (selector(ATTRIBUTES, "In", "other"), CHANGING, True),
        (selector(ATTRIBUTES, "In", "none"), CHANGING, False),
        (selector(ATTRIBUTES, "NotIn", "x"), {"spec": {}}, True),
        (selector(ATTRIBUTES, "DoesNotExist"), {"spec": {}}, True),
        (selector(ATTRIBUTES, "DoesNotExist"), CHANGING, False),
        ({"scopes": ["BestEffort"]}, {"spec": {}}, False),
    ],
)
def test_a_claim_is_within_scopes(
    quota: dict[str, Any], claim: dict[str, Any], expected: bool
) -> None:
    assert within(quota, CLAIMS, claim) is expected


@pytest.mark.parametrize("resource", [("", "services"), ("", "configmaps"), ("apps", "daemonsets")])
def test_other_objects_are_within_no_scope(resource: tuple[str, str]) -> None:
    assert not within({"scopes": ["NotTerminating"]}, GroupResource(*resource), {"spec": {}})
    assert within({}, GroupResource(*resource), {"spec": {}})
