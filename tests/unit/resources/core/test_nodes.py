"""Nodes."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "Node")
NODE = {"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "2", "memory": "4Gi"}}}
NAME_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
TAINT = {"key": "a", "effect": "NoSchedule"}

MISTAKES = [
    (
        {"spec": {"taints": [{"key": "bad key", "effect": "NoSchedule"}]}},
        [f'metadata.taints[0].key: Invalid value: "bad key": {NAME_RULE}'],
    ),
    ({"spec": {"taints": [{"key": "a"}]}}, ["metadata.taints[0].effect: Required value"]),
    (
        {"spec": {"taints": [{"key": "a", "effect": "Never"}]}},
        [
            'metadata.taints[0].effect: Unsupported value: "Never": supported values: '
            '"NoSchedule", "PreferNoSchedule", "NoExecute"'
        ],
    ),
    (
        {"spec": {"taints": [TAINT, {**TAINT, "value": "x"}]}},
        [
            'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"x","Effect":"NoSchedule",'
            '"TimeAdded":null}: taints must be unique by key and effect pair'
        ],
    ),
    (
        {"spec": {"podCIDR": "x"}},
        [f'spec.podCIDRs[0]: Invalid value: "x": {CIDR_RULE}'],
    ),
    (
        {"spec": {"podCIDRs": ["10.0.0.0/24", "10.0.1.0/24"]}},
        [
            'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: '
            "may specify no more than one CIDR for each IP family"
        ],
    ),
    (
        {"status": {"capacity": {"cpu": "-1"}, "allocatable": {"pods": "1500m"}}},
        [
            'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
            'status.allocatable.pods: Invalid value: "1500m": must be an integer',
        ],
    ),
]

CHANGES = [
    ({"spec": {"podCIDR": "10.0.0.0/24", "unschedulable": True}}, []),
    (
        {"spec": {"podCIDR": "10.0.1.0/24"}},
        [
            'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
            "spec.providerID: Forbidden: "
            'node updates may not change providerID except from "" to valid',
        ],
    ),
]


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_named(changes: Object, errors: list[str]) -> None:
    assert KIND.create(merged(NODE, **changes)).errors == errors


def test_a_node_registers_with_its_status() -> None:
    made = KIND.create(NODE)
    assert made.object["status"]["allocatable"] == {"cpu": "2", "memory": "4Gi"}
    assert KIND.update(made, merged(NODE, status=None)).object["status"] == made.object["status"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"podCIDR": "10.0.0.0/24"}, ("10.0.0.0/24", ["10.0.0.0/24"])),
        ({"podCIDRs": ["10.0.0.0/24", "fd00::/64"]}, ("10.0.0.0/24", ["10.0.0.0/24", "fd00::/64"])),
        ({"podCIDR": "10.0.1.0/24", "podCIDRs": ["10.0.0.0/24"]}, ("10.0.1.0/24", ["10.0.1.0/24"])),
    ],
)
def test_the_first_cidr_is_the_cidr(spec: Object, expected: tuple[str, list[str]]) -> None:
    made = KIND.create(merged(NODE, spec=spec))
    assert (made.spec["podCIDR"], made.spec["podCIDRs"]) == expected


@pytest.mark.parametrize(("changes", "errors"), CHANGES)
def test_what_is_given_to_a_node_stays(changes: Object, errors: list[str]) -> None:
    old = KIND.create(merged(NODE, spec={"podCIDR": "10.0.0.0/24", "providerID": "x"}))
    given = {"providerID": "x"} if not errors else {}
    assert KIND.update(old, merged(NODE, **merged({"spec": given}, **changes))).errors == errors


def test_an_address_is_told_once() -> None:
    address = {"type": "InternalIP", "address": "192.0.2.1"}
    new = merged(NODE, status={"addresses": [address, address]})
    assert KIND.update(KIND.create(NODE), new, "status").errors == [
        'status.addresses[1]: Duplicate value: {"Type":"InternalIP","Address":"192.0.2.1"}'
    ]


def test_a_row_shows_readiness_roles_and_addresses() -> None:
    node = {
        "metadata": {
            "name": "n",
            "labels": {"node-role.kubernetes.io/b": "", "kubernetes.io/role": "a"},
            "creationTimestamp": "1970-01-01T00:00:00Z",
        },
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "Debian"},
        },
    }
    expected = ["n", "Ready,SchedulingDisabled", "a,b", "5m", "v1.36.0"]
    wide = ["192.0.2.1", "<none>", "Debian", "<unknown>", "<unknown>"]
    assert KIND.cells(KIND.create(node), 300) == expected + wide


def test_a_node_that_says_nothing_is_unknown() -> None:
    assert KIND.cells(KIND.create(NODE))[:3] == ["n", "Unknown", "<none>"]
