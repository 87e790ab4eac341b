"""The columns of ``kubectl get pods``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.resources.writing import Kind, Written, merged

KIND = Kind("v1", "Pod")
NOW = 1_700_000_000
ENDED = {"exitCode": 1, "finishedAt": "2023-11-14T22:08:20Z"}
POD = {
    "metadata": {"name": "a", "namespace": "default", "creationTimestamp": "2023-11-14T21:13:20Z"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}


def state(**states: Any) -> dict[str, Any]:
    """Return the status of a container that is in some state."""
    return {"name": "c", "state": states}


def ready(**members: Any) -> dict[str, Any]:
    """Return the status of a container that runs and is ready."""
    return {**state(running={}), "ready": True, **members}


def shown(status: dict[str, Any], spec: dict[str, Any], **metadata: Any) -> list[Any]:
    """Return the cells of a Pod."""
    read = KIND.read(merged(POD, spec=spec, status=status, metadata=metadata))
    return KIND.cells(Written(read), NOW)


SIDECAR = {"initContainers": [{"name": "i", "image": "i", "restartPolicy": "Always"}]}
TWO_INIT = {"initContainers": [{"name": "i", "image": "i"}, {"name": "j", "image": "i"}]}

STATUSES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("a new one", {"phase": "Pending"}, {}, ["0/1", "Pending", "0"]),
    (
        "one that waits at a gate",
        {
            "phase": "Pending",
            "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
            ],
        },
        {},
        ["0/1", "SchedulingGated", "0"],
    ),
    (
        "one that runs",
        {"phase": "Running", "containerStatuses": [ready()]},
        {},
        ["1/1", "Running", "0"],
    ),
    (
        "one that starts again and again",
        {
            "phase": "Running",
            "containerStatuses": [
                {
                    **state(waiting={"reason": "CrashLoopBackOff"}),
                    "restartCount": 4,
                    "lastState": {"terminated": ENDED},
                }
            ],
        },
        {},
        ["0/1", "CrashLoopBackOff", "4 (5m ago)"],
    ),
    (
        "one that was evicted",
        {"phase": "Failed", "reason": "Evicted"},
        {},
        ["0/1", "Evicted", "0"],
    ),
    (
        "one that ended badly",
        {"phase": "Failed", "containerStatuses": [state(terminated={"exitCode": 3})]},
        {},
        ["0/1", "ExitCode:3", "0"],
    ),
    (
        "one that was killed",
        {"phase": "Failed", "containerStatuses": [state(terminated={"exitCode": 1, "signal": 9})]},
        {},
        ["0/1", "Signal:9", "0"],
    ),
    (
        "one of which a part has ended",
        {
            "phase": "Running",
            "containerStatuses": [
                ready(),
                state(terminated={"exitCode": 0, "reason": "Completed"}),
            ],
        },
        {},
        ["1/1", "NotReady", "0"],
    ),
    (
        "one of which one part has failed and one has not",
        {
            "phase": "Running",
            "containerStatuses": [
                state(terminated={"exitCode": 0, "reason": "Completed"}),
                state(terminated={"exitCode": 1, "reason": "Error"}),
                ready(),
            ],
        },
        {},
        ["1/1", "Error", "0"],
    ),
    (
        "one of which the first part has ended",
        {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [
                state(terminated={"exitCode": 0, "reason": "Completed"}),
                ready(),
            ],
        },
        {},
        ["1/1", "Running", "0"],
    ),
    (
        "one that is still being prepared",
        {
            "phase": "Pending",
            "initContainerStatuses": [
                {"name": "i", "state": {"terminated": {"exitCode": 0}}},
                {"name": "j", "state": {"running": {}}},
            ],
        },
        TWO_INIT,
        ["0/1", "Init:1/2", "0"],
    ),
    (
        "one whose preparation fails",
        {
            "phase": "Pending",
            "initContainerStatuses": [
                {
                    "name": "i",
                    "restartCount": 2,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                }
            ],
        },
        TWO_INIT,
        ["0/1", "Init:CrashLoopBackOff", "2"],
    ),
    (
        "one with a sidecar",
        {
            "phase": "Running",
            "initContainerStatuses": [
                {
                    "name": "i",
                    "ready": True,
                    "started": True,
                    "restartCount": 1,
                    "state": {"running": {}},
                }
            ],
            "containerStatuses": [ready()],
        },
        SIDECAR,
        ["2/2", "Running", "1"],
    ),
]


@pytest.mark.parametrize(
    ("status", "spec", "cells"), [row[1:] for row in STATUSES], ids=[row[0] for row in STATUSES]
)
def test_the_status_of_a_pod_is_that_of_its_containers(
    status: dict[str, Any], spec: dict[str, Any], cells: list[str]
) -> None:
    assert shown(status, spec)[1:4] == cells


def test_a_pod_that_goes_is_terminating_unless_it_has_ended() -> None:
    going = {"deletionTimestamp": "2023-11-14T22:13:20Z"}
    assert shown({"phase": "Running"}, {}, **going)[2] == "Terminating"
    assert shown({"phase": "Succeeded"}, {}, **going)[2] == "Succeeded"
    assert shown({"phase": "Running", "reason": "NodeLost"}, {}, **going)[2] == "Unknown"


def test_the_wide_columns_have_something_to_say_or_none() -> None:
    assert shown({}, {})[4:] == ["60m", "<none>", "<none>", "<none>", "<none>"]
    status = {
        "podIPs": [{"ip": "192.0.2.7"}],
        "nominatedNodeName": "m",
        "conditions": [{"type": "x", "status": "True"}, {"type": "y", "status": "False"}],
    }
    gates = {"readinessGates": [{"conditionType": "x"}, {"conditionType": "y"}]}
    cells = shown(status, {"nodeName": "n", **gates})
    assert cells[5:] == ["192.0.2.7", "n", "m", "1/2"]


def test_the_row_of_a_pod_that_has_ended_says_so() -> None:
    printer = KIND.strategy.printer
    assert printer is not None
    assert printer.conditions is not None
    assert printer.conditions({"status": {"phase": "Running"}}) == []
    assert printer.conditions({"status": {"phase": "Failed"}}) == [
        {"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."}
    ]


def test_pods_are_selected_by_where_they_run_and_how() -> None:
    spec = {"nodeName": "n", "hostNetwork": True, "restartPolicy": "Never"}
    read = KIND.read(merged(POD, spec=spec, status={"podIP": "192.0.2.7"}))
    fields = {
        "spec.nodeName": "n",
        "spec.host": "n",
        "spec.hostNetwork": "true",
        "spec.restartPolicy": "Never",
        "spec.schedulerName": "default-scheduler",
        "spec.serviceAccountName": "",
        "status.podIP": "192.0.2.7",
        "status.phase": "",
    }
    assert {name: KIND.strategy.field(read, name) for name in fields} == fields
    assert not KIND.strategy.selects_by("spec.containers")
