"""A Pod and the node that it is given."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.errors import Conflict
from apiserver.registry.subresources.binding import bound
from apiserver.registry.subresources.podconditions import is_ready, with_condition

NOW, BEFORE = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"
POD: dict[str, Any] = {
    "metadata": {"name": "p", "annotations": {"a": "1"}},
    "spec": {"containers": []},
    "status": {"phase": "Pending", "nominatedNodeName": "other"},
}
BINDING: dict[str, Any] = {
    "metadata": {"name": "p", "annotations": {"b": "2"}, "labels": {"zone": "z"}},
    "target": {"kind": "Node", "name": "n"},
}
SCHEDULED = {
    "type": "PodScheduled",
    "status": "True",
    "lastProbeTime": None,
    "lastTransitionTime": NOW,
}

REFUSED = [
    (
        {"metadata": {"name": "p", "deletionTimestamp": BEFORE}},
        "pod p is being deleted, cannot be assigned to a host",
    ),
    ({"spec": {"nodeName": "m"}}, 'pod p is already assigned to node "m"'),
    ({"spec": {"schedulingGates": [{"name": "g"}]}}, "pod p has non-empty .spec.schedulingGates"),
]


def test_a_bound_pod_has_its_node_and_what_the_binding_says() -> None:
    pod = bound(POD, BINDING, NOW)
    assert pod["spec"]["nodeName"] == "n"
    assert pod["metadata"] == {
        "name": "p",
        "annotations": {"a": "1", "b": "2"},
        "labels": {"zone": "z"},
    }
    assert pod["status"] == {"phase": "Pending", "conditions": [SCHEDULED]}
    assert POD["metadata"]["annotations"] == {"a": "1"}
    assert "nodeName" not in POD["spec"]


@pytest.mark.parametrize(("changes", "why"), REFUSED)
def test_a_pod_that_cannot_take_a_node_is_refused_one(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Conflict) as refusal:
        bound({**POD, **changes}, BINDING, NOW)
    assert refusal.value.message == (f'Operation cannot be fulfilled on pods/binding "p": {why}')
    assert refusal.value.details == {"name": "p", "kind": "pods/binding"}


def test_a_condition_takes_the_place_of_the_one_of_its_type() -> None:
    first, second = {"type": "A", "status": "True"}, {"type": "B", "status": "False"}
    pod = with_condition(with_condition(POD, first, BEFORE), second, BEFORE)
    again = with_condition(pod, {**first, "reason": "R"}, NOW)
    conditions = again["status"]["conditions"]
    assert [each["type"] for each in conditions] == ["A", "B"]
    assert (conditions[0]["reason"], conditions[0]["lastTransitionTime"]) == ("R", BEFORE)
    changed = with_condition(pod, {**first, "status": "False"}, NOW)
    assert changed["status"]["conditions"][0]["lastTransitionTime"] == NOW


@pytest.mark.parametrize(
    ("conditions", "ready"),
    [
        (None, False),
        ([{"type": "Ready", "status": "False"}], False),
        ([{"type": "ContainersReady", "status": "True"}], False),
        ([{"type": "Other", "status": "True"}, {"type": "Ready", "status": "True"}], True),
    ],
)
def test_a_pod_is_ready_when_its_condition_says_so(conditions: Any, ready: bool) -> None:
    assert is_ready({"status": {"conditions": conditions}}) is ready
