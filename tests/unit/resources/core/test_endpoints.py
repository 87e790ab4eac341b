"""Endpoints and ComponentStatuses."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind

KIND = Kind("v1", "Endpoints")
STATUS = Kind("v1", "ComponentStatus")
ADDRESS = {"ip": "192.0.2.1"}
NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def endpoints(*subsets: Object) -> Object:
    return {"metadata": {"name": "a"}, "subsets": list(subsets)}


MISTAKES = [
    ({}, ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]),
    (
        {"addresses": [{"ip": "x"}]},
        [
            f'subsets[0].addresses[0].ip: Invalid value: "x": {NOT_AN_IP}',
            'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address',
        ],
    ),
    (
        {"addresses": [{"ip": "0.0.0.0"}]},
        ['subsets[0].addresses[0].ip: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)'],
    ),
    (
        {"notReadyAddresses": [{"ip": "127.0.0.1"}]},
        [
            'subsets[0].notReadyAddresses[0].ip: Invalid value: "127.0.0.1": '
            "may not be in the loopback range (127.0.0.0/8, ::1/128)"
        ],
    ),
    (
        {"addresses": [{"ip": "fe80::1"}]},
        [
            'subsets[0].addresses[0].ip: Invalid value: "fe80::1": '
            "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
        ],
    ),
    (
        {"addresses": [ADDRESS], "ports": [{"port": 80}, {"port": 0, "name": "b"}]},
        [
            "subsets[0].ports[0].name: Required value",
            "subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ],
    ),
    (
        {"addresses": [ADDRESS], "ports": [{"port": 80, "protocol": "ICMP"}]},
        [
            'subsets[0].ports[0].protocol: Unsupported value: "ICMP": '
            'supported values: "SCTP", "TCP", "UDP"'
        ],
    ),
]


@pytest.mark.parametrize(("subset", "errors"), MISTAKES)
def test_mistakes_are_named(subset: Object, errors: list[str]) -> None:
    assert KIND.create(endpoints(subset)).errors == errors


def test_ports_speak_tcp() -> None:
    made = KIND.create(endpoints({"addresses": [ADDRESS], "ports": [{"port": 80}]}))
    assert made.object["subsets"][0]["ports"] == [{"port": 80, "protocol": "TCP"}]


@pytest.mark.parametrize(
    ("subsets", "shown"),
    [
        ([], "<none>"),
        ([{"addresses": [ADDRESS, {"ip": "192.0.2.2"}]}], "192.0.2.1,192.0.2.2"),
        (
            [{"addresses": [{"ip": "2001:db8::1"}], "ports": [{"port": 80}]}],
            "[2001:db8::1]:80",
        ),
        (
            [
                {
                    "addresses": [{"ip": f"192.0.2.{n}"} for n in range(1, 4)],
                    "ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}],
                }
            ],
            "192.0.2.1:80,192.0.2.2:80,192.0.2.3:80 + 3 more...",
        ),
    ],
)
def test_a_row_shows_three_endpoints(subsets: list[Object], shown: str) -> None:
    assert KIND.cells(KIND.create(endpoints(*subsets)))[1] == shown


def test_a_component_is_as_healthy_as_it_says() -> None:
    condition = {"type": "Healthy", "status": "False", "message": "m", "error": "e"}
    status = {"metadata": {"name": "etcd-0"}, "conditions": [condition]}
    assert STATUS.cells(STATUS.create(status)) == ["etcd-0", "Unhealthy", "m", "e"]
