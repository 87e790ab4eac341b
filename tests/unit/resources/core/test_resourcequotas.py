"""ResourceQuotas."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "ResourceQuota")
QUOTA = {"metadata": {"name": "a"}, "spec": {"hard": {"pods": "5"}}}
NAME_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
SELECTOR = "spec.scopeSelector.matchExpressions"

MISTAKES = [
    ({"hard": {"count/widgets.example.com": "5", "requests.nvidia.com/gpu": "1"}}, []),
    (
        {"hard": {"pods": "1.5"}},
        ['spec.hard[pods]: Invalid value: "1500m": must be an integer'],
    ),
    (
        {"hard": {"requests.cpu": "-1"}},
        ['spec.hard[requests.cpu]: Invalid value: "-1": must be greater than or equal to 0'],
    ),
    (
        {"hard": {"no sense": "1"}},
        [
            f'spec.hard[no sense]: Invalid value: "no sense": {NAME_RULE}',
            'spec.hard[no sense]: Invalid value: "no sense": must be a standard resource for quota',
        ],
    ),
    (
        {"hard": {"storage": "1"}},
        ['spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota'],
    ),
    ({"scopes": ["Odd"]}, ['spec.scopes: Invalid value: ["Odd"]: unsupported scope']),
    (
        {"scopes": ["BestEffort"], "hard": {"cpu": "1"}},
        ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
    ),
    (
        {"scopes": ["Terminating", "NotTerminating"]},
        ['spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes'],
    ),
    (
        {"scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}},
        [],
    ),
    (
        {"scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": "In"}]}},
        [
            f"{SELECTOR}.values: Required value: "
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
        ],
    ),
    (
        {"scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": "Odd"}]}},
        [
            f'{SELECTOR}.operator: Invalid value: "Odd": not a valid selector operator'
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "errors"), MISTAKES)
def test_mistakes_are_named(spec: Object, errors: list[str]) -> None:
    assert KIND.create(merged(QUOTA, spec=spec)).errors == errors


def test_scopes_stay() -> None:
    made = KIND.create(merged(QUOTA, spec={"scopes": ["BestEffort"]}))
    (error,) = KIND.update(made, QUOTA).errors
    assert error == "spec.scopes: Invalid value: null: field is immutable"


def test_the_status_is_its_own() -> None:
    made = KIND.create(merged(QUOTA, status={"used": {"pods": "1"}}))
    assert made.object["status"] == {}
    new = merged(QUOTA, metadata={"resourceVersion": "1"}, status={"used": {"pods": "2"}})
    written = KIND.update(made, merged(new, spec={"hard": {"pods": "9"}}), "status")
    assert written.spec == {"hard": {"pods": "5"}}
    assert written.object["status"] == {"used": {"pods": "2"}}
    assert not written.errors


def test_a_row_tells_requests_from_limits() -> None:
    status = {
        "hard": {"limits.cpu": "2", "requests.cpu": "1", "pods": "5"},
        "used": {"requests.cpu": "500m"},
    }
    written = KIND.update(KIND.create(QUOTA), merged(QUOTA, status=status), "status")
    assert KIND.cells(written)[1:3] == ["pods: 0/5, requests.cpu: 500m/1", "limits.cpu: 0/2"]
