"""The status of Jobs: it makes sense, and what has ended stays so."""

from __future__ import annotations

import pytest

from tests.unit.resources.writing import Kind, Written, merged

KIND = Kind("batch/v1", "Job")
POD = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox"}]}
JOB = {"metadata": {"name": "a"}, "spec": {"template": {"spec": POD}}}
INDEXED = {"completionMode": "Indexed", "completions": 5, "parallelism": 2}
START, END = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"
NEGATIVE = "must be greater than or equal to 0"
START_STAYS = "field is immutable for unsuspended job once set"
CONDITIONS = "status.conditions: Invalid value"


def conditions(*types: str, value: str = "True") -> dict:
    return {"conditions": [{"type": type_, "status": value} for type_ in types]}


COMPLETE = {
    **conditions("SuccessCriteriaMet", "Complete"),
    "startTime": START,
    "completionTime": END,
}
FAILED = {**conditions("FailureTarget", "Failed"), "startTime": START}

ACCEPTED = [
    ({}, {}, COMPLETE),
    ({}, {}, FAILED),
    ({}, {"active": 2, "startTime": START}, {"active": 1, "ready": 1, "startTime": START}),
    ({"suspend": True}, {"startTime": START}, conditions("Suspended")),
    (INDEXED, {}, {"completedIndexes": "0,2-3", "startTime": START}),
    (
        {**INDEXED, "backoffLimitPerIndex": 1},
        {},
        {"completedIndexes": "0,2-3", "failedIndexes": "1,4"},
    ),
    ({**INDEXED, "parallelism": 5}, {"succeeded": 5}, {"succeeded": 3}),
    # What was wrong already is no reason to refuse a change of something else.
    ({}, {"completedIndexes": "0"}, {"completedIndexes": "0", "active": 1}),
]

REFUSED = [
    (
        {},
        {},
        {"active": -1, "succeeded": -1, "failed": -1, "ready": -1, "terminating": -1},
        [
            *(
                f"status.{name}: Invalid value: -1: {NEGATIVE}"
                for name in ("active", "succeeded", "failed", "ready", "terminating")
            ),
            "status.failed: Invalid value: -1: cannot decrease the failed counter",
            "status.succeeded: Invalid value: -1: cannot decrease the succeeded counter",
        ],
    ),
    (
        {},
        {},
        {"uncountedTerminatedPods": {"succeeded": ["u", ""], "failed": ["u"]}},
        [
            'status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
            'status.uncountedTerminatedPods.failed[0]: Duplicate value: "u"',
        ],
    ),
    (
        {},
        {},
        {**COMPLETE, **conditions("SuccessCriteriaMet", "Complete", "FailureTarget", "Failed")},
        [
            f"{CONDITIONS}: cannot set Complete=True and Failed=true conditions",
            f"{CONDITIONS}: cannot set Complete=True and FailureTarget=true conditions",
            f"{CONDITIONS}: cannot set SuccessCriteriaMet=True and Failed=true conditions",
            f"{CONDITIONS}: cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
        ],
    ),
    (
        {},
        {},
        {"startTime": START, "completionTime": END},
        [
            f'status.completionTime: Invalid value: "{END}": '
            "cannot set completionTime when there is no Complete=True condition"
        ],
    ),
    (
        {},
        {},
        {**conditions("SuccessCriteriaMet", "Complete"), "startTime": START},
        ["status.completionTime: Required value: completionTime is required for Complete jobs"],
    ),
    (
        {},
        {},
        {**COMPLETE, "startTime": END, "completionTime": START},
        [f'status.completionTime: Invalid value: "{START}": must be equal to or after `startTime`'],
    ),
    (
        {},
        {},
        {**FAILED, **conditions("Failed")},
        [
            f"{CONDITIONS}: "
            "cannot set Failed=True condition without the FailureTarget=true condition"
        ],
    ),
    (
        {},
        {},
        {**COMPLETE, **conditions("Complete")},
        [
            f"{CONDITIONS}: "
            "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"
        ],
    ),
    (
        {},
        {},
        {
            **conditions("FailureTarget", "Failed"),
            "active": 1,
            "terminating": 1,
            "uncountedTerminatedPods": {"failed": ["u"]},
        },
        [
            "status.active: Invalid value: 1: active>0 is invalid for finished job",
            "status.startTime: Required value: startTime is required for finished job",
            'status.uncountedTerminatedPods: Invalid value: {"Succeeded":null,"Failed":["u"]}: '
            "must be empty for finished job",
            "status.terminating: Invalid value: 1: terminating>0 is invalid for finished job",
        ],
    ),
    (
        {},
        {},
        {"completedIndexes": "0", "failedIndexes": "1"},
        [
            'status.completedIndexes: Invalid value: "0": '
            "cannot set non-empty completedIndexes when non-indexed completion mode",
            'status.failedIndexes: Invalid value: "1": '
            "cannot set non-null failedIndexes when backoffLimitPerIndex is null",
        ],
    ),
    (
        {**INDEXED, "backoffLimitPerIndex": 1},
        {},
        {"completedIndexes": "3,1", "failedIndexes": "0-9"},
        [
            'status.completedIndexes: Invalid value: "3,1": error parsing completedIndexes: '
            "non-increasing order, previous: 3, current: 1",
            'status.failedIndexes: Invalid value: "0-9": error parsing failedIndexes: '
            'too large index: "9"',
        ],
    ),
    (
        {**INDEXED, "backoffLimitPerIndex": 1},
        {},
        {"completedIndexes": "0-2", "failedIndexes": "2-3"},
        [
            'status.failedIndexes: Invalid value: "2-3": '
            "failedIndexes and completedIndexes overlap at index: 2"
        ],
    ),
    (
        {},
        {},
        {"active": 1, "ready": 2},
        ["status.ready: Invalid value: 2: cannot set more ready pods than active"],
    ),
    (
        {},
        FAILED,
        {"startTime": START},
        [
            f"{CONDITIONS}: cannot disable the terminal Failed=True condition",
            f"{CONDITIONS}: cannot disable the terminal FailureTarget=True condition",
        ],
    ),
    (
        {},
        COMPLETE,
        {**COMPLETE, "completionTime": "2026-01-01T02:00:00Z"},
        ['status.completionTime: Invalid value: "2026-01-01T02:00:00Z": field is immutable'],
    ),
    (
        {},
        {"startTime": START},
        {},
        [f"status.startTime: Invalid value: null: {START_STAYS}"],
    ),
    (
        {},
        {"startTime": START},
        {"startTime": "2026-01-01T02:00:00Z"},
        [f'status.startTime: Invalid value: "2026-01-01T02:00:00Z": {START_STAYS}'],
    ),
    (
        {},
        conditions("SuccessCriteriaMet"),
        {},
        [f"{CONDITIONS}: cannot disable the SuccessCriteriaMet=True condition"],
    ),
]


@pytest.mark.parametrize(("spec", "before", "after"), ACCEPTED)
def test_a_status_that_makes_sense_is_written(spec: dict, before: dict, after: dict) -> None:
    assert errors_of(spec, before, after) == []


@pytest.mark.parametrize(("spec", "before", "after", "errors"), REFUSED)
def test_a_status_that_makes_none_is_refused(
    spec: dict, before: dict, after: dict, errors: list[str]
) -> None:
    assert errors_of(spec, before, after) == errors


def errors_of(spec: dict, before: dict, after: dict) -> list[str]:
    made = KIND.create(merged(JOB, spec=spec))
    assert made.errors == []
    old = Written({**made.object, "status": before})
    return KIND.update(old, merged(JOB, status=after), "status").errors
