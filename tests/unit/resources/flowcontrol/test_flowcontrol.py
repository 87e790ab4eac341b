"""FlowSchemas, PriorityLevelConfigurations and APIServices."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

SCHEMA = Kind("flowcontrol.apiserver.k8s.io/v1", "FlowSchema")
LEVEL = Kind("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration")
SERVICE = Kind("apiregistration.k8s.io/v1", "APIService")
FLOW = {
    "metadata": {"name": "a"},
    "spec": {
        "priorityLevelConfiguration": {"name": "p"},
        "rules": [
            {
                "subjects": [{"kind": "Group", "group": {"name": "g"}}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["/x"]}],
            }
        ],
    },
}
QUEUED = {
    "metadata": {"name": "a"},
    "spec": {
        "type": "Limited",
        "limited": {"limitResponse": {"type": "Queue", "queuing": {}}},
    },
}
API = {
    "metadata": {"name": "v1.example.com"},
    "spec": {
        "group": "example.com",
        "version": "v1",
        "groupPriorityMinimum": 1000,
        "versionPriority": 15,
        "service": {"namespace": "n", "name": "s"},
    },
}


def subject(**members: object) -> Object:
    return {"rules": [{**FLOW["spec"]["rules"][0], "subjects": [members]}]}  # type: ignore[index]


SCHEMA_MISTAKES = [
    ({}, []),
    (
        {"priorityLevelConfiguration": None},
        ["spec.priorityLevelConfiguration.name: Required value: must reference a priority level"],
    ),
    (
        {"matchingPrecedence": 10001},
        ["spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"],
    ),
    (
        {"matchingPrecedence": 1},
        [
            "spec.matchingPrecedence: Invalid value: 1: "
            "only the schema named 'exempt' may have matchingPrecedence 1"
        ],
    ),
    (
        {"distinguisherMethod": {"type": "Odd"}},
        [
            'spec.distinguisherMethod.type: Unsupported value: {"Type":"Odd"}: '
            'supported values: "ByNamespace", "ByUser"'
        ],
    ),
    (
        subject(kind="Odd"),
        [
            'spec.rules[0].subjects[0].kind: Unsupported value: "Odd": '
            'supported values: "Group", "ServiceAccount", "User"'
        ],
    ),
    (
        {"rules": [{"subjects": [{"kind": "Group", "group": {"name": "g"}}]}]},
        [
            "spec.rules[0]: Required value: "
            "at least one of resourceRules and nonResourceRules has to be non-empty"
        ],
    ),
]

LEVEL_MISTAKES = [
    ({}, []),
    (
        {"type": "Odd"},
        ['spec.type: Unsupported value: "Odd": supported values: "Exempt", "Limited"'],
    ),
    (
        {"limited": None},
        ["spec.limited: Required value: must not be empty when type is Limited"],
    ),
    (
        {"limited": {"limitResponse": {"type": "Reject"}}},
        [
            "spec.limited.limitResponse.queuing: Forbidden: "
            "must be nil if limited.limitResponse.type is not Limited"
        ],
    ),
    (
        {"limited": {"limitResponse": {"queuing": {"queues": 1, "handSize": 2}}}},
        [
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 2: "
            "should not be greater than queues (1)"
        ],
    ),
]

SERVICE_MISTAKES = [
    ({}, []),
    (
        {"version": "v2"},
        [
            'metadata.name: Invalid value: "v1.example.com": '
            'must be `spec.version+"."+spec.group`: "v2.example.com"'
        ],
    ),
    (
        {"groupPriorityMinimum": 0, "versionPriority": 1001},
        [
            "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
            "spec.versionPriority: Invalid value: 1001: must be positive and less than 1000",
        ],
    ),
    (
        {"service": {"name": None}},
        ["spec.service.name: Required value"],
    ),
    (
        {"service": None, "caBundle": "AAAA", "insecureSkipTLSVerify": True},
        [
            'spec.caBundle: Invalid value: "3 bytes": local APIServices may not have a caBundle',
            "spec.insecureSkipTLSVerify: Invalid value: true: "
            "local APIServices may not have insecureSkipTLSVerify",
        ],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), SCHEMA_MISTAKES)
def test_a_schema_matches_subjects_and_rules(spec: Object, errors: list[str]) -> None:
    assert SCHEMA.create(merged(FLOW, spec=spec)).errors == errors


@pytest.mark.parametrize(("spec", "errors"), LEVEL_MISTAKES)
def test_a_level_is_limited_or_exempt(spec: Object, errors: list[str]) -> None:
    assert LEVEL.create(merged(QUEUED, spec=spec)).errors == errors


def test_a_level_gets_its_defaults() -> None:
    assert LEVEL.create(QUEUED).spec["limited"] == {
        "nominalConcurrencyShares": 30,
        "lendablePercent": 0,
        "limitResponse": {
            "type": "Queue",
            "queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50},
        },
    }


def test_rows_show_order_and_queues() -> None:
    assert SCHEMA.cells(SCHEMA.create(FLOW)) == ["a", "p", 1000, "<none>", "<unknown>", "?"]
    assert LEVEL.cells(LEVEL.create(QUEUED))[:6] == ["a", "Limited", 30, 64, 8, 50]


@pytest.mark.parametrize(("spec", "errors"), SERVICE_MISTAKES)
def test_an_api_is_named_after_what_it_serves(spec: Object, errors: list[str]) -> None:
    assert SERVICE.create(merged(API, spec=spec)).errors == errors


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("True", "True"),
        ("False", "False (Missing)"),
    ],
)
def test_a_row_shows_whether_an_api_is_there(status: str, shown: str) -> None:
    condition = {"type": "Available", "status": status, "reason": "Missing"}
    new = merged(API, status={"conditions": [condition]})
    written = SERVICE.update(SERVICE.create(API), new, "status")
    assert SERVICE.cells(written)[:3] == ["v1.example.com", "n/s", shown]
    assert SERVICE.cells(SERVICE.create(API))[2] == "Unknown"
