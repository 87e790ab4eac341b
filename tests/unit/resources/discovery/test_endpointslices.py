"""EndpointSlices."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

KIND = Kind("discovery.k8s.io/v1", "EndpointSlice")
SLICE = {
    "metadata": {"name": "a"},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["192.0.2.1"]}],
    "ports": [{"port": 80}],
}

MISTAKES = [
    ({"addressType": None}, ["addressType: Required value"]),
    (
        {"addressType": "Odd"},
        ['addressType: Unsupported value: "Odd": supported values: "FQDN", "IPv4", "IPv6"'],
    ),
    (
        {"endpoints": [{"addresses": []}]},
        ["endpoints[0].addresses: Required value: must contain at least 1 address"],
    ),
    (
        {"endpoints": [{"addresses": ["2001:db8::1"]}]},
        [
            'endpoints[0].addresses: Invalid value: "2001:db8::1": must be an IPv4 address',
        ],
    ),
    (
        {"endpoints": [{"addresses": ["x"]}]},
        [
            'endpoints[0].addresses[0]: Invalid value: "x": '
            "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        ],
    ),
    (
        {"endpoints": [{"addresses": ["169.254.0.1"]}]},
        [
            'endpoints[0].addresses[0]: Invalid value: "169.254.0.1": '
            "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
        ],
    ),
    (
        {"endpoints": [{"addresses": ["192.0.2.1"] * 101}]},
        ["endpoints[0].addresses: Too many: 101: must have at most 100 items"],
    ),
    (
        {"ports": [{"port": 80}, {"port": 81}]},
        ['ports[1].name: Duplicate value: ""'],
    ),
    (
        {"ports": [{"protocol": "ICMP"}]},
        ['ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"'],
    ),
    (
        {"endpoints": [{"addresses": ["192.0.2.1"], "hostname": "a.b"}]},
        ['endpoints[0].hostname: Invalid value: "a.b": must not contain dots'],
    ),
]


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_named(changes: Object, errors: list[str]) -> None:
    assert KIND.create(merged(SLICE, **changes)).errors == errors


def test_ports_have_a_name_and_speak_tcp() -> None:
    made = KIND.create(SLICE).object
    assert made["ports"] == [{"port": 80, "name": "", "protocol": "TCP"}]


def test_the_type_of_address_stays() -> None:
    new = merged(SLICE, addressType="FQDN", endpoints=[{"addresses": ["a.example.com"]}])
    assert KIND.update(KIND.create(SLICE), new).errors == [
        'addressType: Invalid value: "FQDN": field is immutable'
    ]


@pytest.mark.parametrize(
    ("changes", "generation"),
    [
        ({}, 1),
        ({"metadata": {"annotations": {"a": "b"}}}, 1),
        ({"metadata": {"labels": {"a": "b"}}}, 2),
        ({"ports": []}, 2),
    ],
)
def test_the_generation_follows_content_and_labels(changes: Object, generation: int) -> None:
    made = KIND.create(SLICE)
    assert KIND.update(made, merged(SLICE, **changes)).generation == generation


def test_a_row_shows_three_of_each() -> None:
    addresses = [f"192.0.2.{number}" for number in range(1, 6)]
    made = KIND.create(merged(SLICE, endpoints=[{"addresses": addresses}], ports=None))
    shown = "192.0.2.1,192.0.2.2,192.0.2.3 + 2 more..."
    assert KIND.cells(made)[:4] == ["a", "IPv4", "<unset>", shown]


@pytest.mark.parametrize(
    ("ports", "shown"),
    [
        ([{"name": "x"}, {"name": "y", "port": 80}], "x,80"),
        # A port of any number has a name by default, an empty one.
        ([{}], "<unset>"),
        ([{}, {"name": "y", "port": 80}], ",80"),
    ],
)
def test_a_port_without_a_number_is_shown_by_its_name(ports: list[Object], shown: str) -> None:
    assert KIND.cells(KIND.create(merged(SLICE, ports=ports)))[2] == shown
