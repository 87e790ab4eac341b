"""NetworkPolicies, ServiceCIDRs and IPAddresses."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

API = "networking.k8s.io/v1"
KIND, CIDR, ADDRESS = Kind(API, "NetworkPolicy"), Kind(API, "ServiceCIDR"), Kind(API, "IPAddress")
POLICY = {"metadata": {"name": "a"}, "spec": {"podSelector": {}}}
CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
BLOCK = {"cidr": "192.0.2.0/24"}


def rule(*, ports: list[Object] | None = None, peers: list[Object] | None = None) -> Object:
    members = {"ports": ports, "from": peers}
    return {"ingress": [{name: value for name, value in members.items() if value is not None}]}


MISTAKES = [
    (
        {"policyTypes": ["Odd"]},
        ['spec.policyTypes[0]: Unsupported value: "Odd": supported values: "Ingress", "Egress"'],
    ),
    (
        {"policyTypes": ["Ingress", "Egress", "Ingress"]},
        [
            'spec.policyTypes: Invalid value: ["Ingress","Egress","Ingress"]: '
            "may not specify more than two policyTypes"
        ],
    ),
    (
        rule(ports=[{"protocol": "ICMP"}]),
        [
            'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": '
            'supported values: "TCP", "UDP", "SCTP"'
        ],
    ),
    (
        rule(ports=[{"port": 80, "endPort": 79}]),
        [
            "spec.ingress[0].ports[0].endPort: Invalid value: 80: "
            "must be greater than or equal to `port`"
        ],
    ),
    (
        rule(ports=[{"endPort": 80}]),
        [
            "spec.ingress[0].ports[0].endPort: Invalid value: 80: "
            "may not be specified when `port` is not specified"
        ],
    ),
    (
        rule(ports=[{"port": "http", "endPort": 80}]),
        [
            "spec.ingress[0].ports[0].endPort: Invalid value: 80: "
            "may not be specified when `port` is non-numeric"
        ],
    ),
    (rule(peers=[{}]), ["spec.ingress[0].from[0]: Required value: must specify a peer"]),
    (
        rule(peers=[{"ipBlock": BLOCK, "podSelector": {}}]),
        ["spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer"],
    ),
    (
        rule(peers=[{"ipBlock": {"cidr": "192.0.2.1"}}]),
        [f'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "192.0.2.1": {CIDR_RULE}'],
    ),
    (
        rule(peers=[{"ipBlock": {**BLOCK, "except": ["10.0.0.0/8", "192.0.2.0/24"]}}]),
        [
            f'spec.ingress[0].from[0].ipBlock.except[{index}]: Invalid value: "{text}": '
            "must be a strict subset of `cidr`"
            for index, text in enumerate(["10.0.0.0/8", "192.0.2.0/24"])
        ],
    ),
    (rule(peers=[{"ipBlock": {**BLOCK, "except": ["192.0.2.128/25"]}}]), []),
]


@pytest.mark.parametrize(("spec", "errors"), MISTAKES)
def test_mistakes_are_named(spec: Object, errors: list[str]) -> None:
    assert KIND.create(merged(POLICY, spec=spec)).errors == errors


@pytest.mark.parametrize(
    ("spec", "types"), [({}, ["Ingress"]), ({"egress": [{}]}, ["Ingress", "Egress"])]
)
def test_a_policy_is_about_ingress_and_what_it_has_rules_of(spec: Object, types: list[str]) -> None:
    assert KIND.create(merged(POLICY, spec=spec)).spec["policyTypes"] == types


def test_ports_speak_tcp() -> None:
    made = KIND.create(merged(POLICY, spec=rule(ports=[{"port": 80}])))
    assert made.spec["ingress"][0]["ports"] == [{"port": 80, "protocol": "TCP"}]


def test_a_row_shows_the_selector() -> None:
    selected = merged(POLICY, spec={"podSelector": {"matchLabels": {"a": "b"}}})
    assert KIND.cells(KIND.create(POLICY))[1] == "<none>"
    assert KIND.cells(KIND.create(selected))[1] == "a=b"


def cidrs(*texts: str) -> Object:
    return {"metadata": {"name": "a"}, "spec": {"cidrs": list(texts)}}


@pytest.mark.parametrize(
    ("before", "after", "errors"),
    [
        (["10.0.0.0/24"], ["10.0.0.0/24", "fd00::/64"], []),
        (["10.0.0.0/24"], ["10.0.1.0/24"],
         ['spec.cidrs[0]: Invalid value: "10.0.1.0/24": field is immutable']),
        (["10.0.0.0/24", "fd00::/64"], ["10.0.0.0/24"],
         ['spec.cidrs: Invalid value: ["10.0.0.0/24"]: field is immutable']),
        (["10.0.0.0/24"], ["10.0.0.0/24", "10.0.1.0/24"],
         ['spec.cidrs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than '
          "one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"]),
    ],
)  # fmt: skip
def test_a_range_only_gets_the_other_family(
    before: list[str], after: list[str], errors: list[str]
) -> None:
    assert CIDR.update(CIDR.create(cidrs(*before)), cidrs(*after)).errors == errors


@pytest.mark.parametrize(
    ("name", "problems"),
    [
        ("192.0.2.1", []),
        ("2001:db8::1", []),
        ("x", ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]),
        ("2001:DB8::1", ['must be in canonical form ("2001:db8::1")']),
        ("::ffff:192.0.2.1", ["must not be an IPv4-mapped IPv6 address"]),
    ],
)
def test_an_address_is_its_own_name(name: str, problems: list[str]) -> None:
    assert ADDRESS.strategy.name_problems(name) == problems


def test_an_address_belongs_to_one_object() -> None:
    address = {
        "metadata": {"name": "192.0.2.1"},
        "spec": {"parentRef": {"resource": "services", "namespace": "n", "name": "s"}},
    }
    made = ADDRESS.create(address)
    assert ADDRESS.create({"metadata": {"name": "192.0.2.1"}}).errors == [
        "spec.parentRef: Required value"
    ]
    assert ADDRESS.update(made, merged(address, spec={"parentRef": {"name": "t"}})).errors == [
        'spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"n",'
        '"Name":"t"}: field is immutable'
    ]
