"""Services, but for the allocation of their addresses and ports."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

KIND = Kind("v1", "Service")
SERVICE = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}
BALANCED = "may only be used when `type` is 'LoadBalancer'"
CIDR_RULE = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"

MISTAKES = [
    ({"ports": None}, ["spec.ports: Required value"]),
    ({"ports": None, "clusterIP": "None"}, []),
    (
        {"ports": [{"port": 0}]},
        [
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
        ],
    ),
    (
        {"ports": [{"port": 80}, {"port": 80, "name": "b", "protocol": "ICMP"}]},
        [
            "spec.ports[0].name: Required value",
            'spec.ports[1].protocol: Unsupported value: "ICMP": '
            'supported values: "SCTP", "TCP", "UDP"',
        ],
    ),
    (
        {"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "a"}]},
        [
            'spec.ports[1].name: Duplicate value: "a"',
            'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,'
            '"Port":80,"TargetPort":0,"NodePort":0}',
        ],
    ),
    (
        {"ports": [{"port": 80, "targetPort": "a--b"}]},
        ['spec.ports[0].targetPort: Invalid value: "a--b": must not contain consecutive hyphens'],
    ),
    (
        {"ports": [{"port": 80, "nodePort": 30080}]},
        ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ),
    (
        {"type": "Odd"},
        [
            'spec.type: Unsupported value: "Odd": supported values: "ClusterIP", '
            '"ExternalName", "LoadBalancer", "NodePort"'
        ],
    ),
    (
        {"type": "ExternalName"},
        ["spec.externalName: Required value"],
    ),
    (
        {"type": "ExternalName", "externalName": "example.com.", "clusterIP": "10.0.0.1"},
        ["spec.clusterIPs: Forbidden: may not be set for ExternalName services"],
    ),
    (
        {"type": "NodePort", "clusterIP": "None"},
        [
            'spec.clusterIPs[0]: Invalid value: "None": '
            "may not be set to 'None' for NodePort services"
        ],
    ),
    (
        {"sessionAffinity": "Odd"},
        ['spec.sessionAffinity: Unsupported value: "Odd": supported values: "ClientIP", "None"'],
    ),
    (
        {
            "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}},
        },
        [
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: "
            "must be greater than 0 and less than 86400"
        ],
    ),
    (
        {"clusterIPs": ["10.0.0.1"]},
        [
            'spec.clusterIPs: Invalid value: ["10.0.0.1"]: '
            "must be empty when `clusterIP` is not specified"
        ],
    ),
    (
        {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "10.0.0.2"]},
        [
            'spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: '
            "may specify no more than one IP for each IP family"
        ],
    ),
    (
        {"ipFamilies": ["IPv4", "IPv4"], "ipFamilyPolicy": "Odd"},
        [
            'spec.ipFamilies[1]: Duplicate value: "IPv4"',
            'spec.ipFamilyPolicy: Unsupported value: "Odd": supported values: '
            '"PreferDualStack", "RequireDualStack", "SingleStack"',
        ],
    ),
    (
        {"externalIPs": ["127.0.0.1"]},
        [
            'spec.externalIPs[0]: Invalid value: "127.0.0.1": '
            "may not be in the loopback range (127.0.0.0/8, ::1/128)"
        ],
    ),
    (
        {"externalTrafficPolicy": "Local"},
        [
            'spec.externalTrafficPolicy: Invalid value: "Local": '
            "may only be set for externally-accessible services"
        ],
    ),
    (
        {"loadBalancerSourceRanges": ["x"], "loadBalancerClass": "a/b"},
        [
            f"spec.LoadBalancerSourceRanges: Forbidden: {BALANCED}",
            f'spec.LoadBalancerSourceRanges[0]: Invalid value: "x": {CIDR_RULE}',
            f"spec.loadBalancerClass: Forbidden: {BALANCED}",
        ],
    ),
    (
        {"trafficDistribution": "Odd", "internalTrafficPolicy": "Odd"},
        [
            'spec.internalTrafficPolicy: Unsupported value: "Odd": '
            'supported values: "Cluster", "Local"',
            'spec.trafficDistribution: Unsupported value: "Odd": supported values: '
            '"PreferClose", "PreferSameZone", "PreferSameNode"',
        ],
    ),
]

INGRESS = [{"ip": "x"}, {"hostname": "192.0.2.1"}]

WARNINGS = [
    ({}, []),
    (
        {"externalIPs": ["192.0.2.1"]},
        ["spec.externalIPs is deprecated and may no longer be implemented in some clusters"],
    ),
    (
        {"clusterIP": "None", "loadBalancerIP": "192.0.2.1"},
        ["spec.loadBalancerIP is ignored for headless services"],
    ),
    (
        {"externalName": "x"},
        ['spec.externalName is ignored when spec.type is not "ExternalName"'],
    ),
    (
        {"trafficDistribution": "PreferClose"},
        ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
    ),
]

ROWS = [
    (
        {"selector": {"b": "c", "a": "b"}, "clusterIP": "10.0.0.9"},
        ["ClusterIP", "10.0.0.9", "<none>", "80/TCP", "a=b,b=c"],
    ),
    (
        {
            "type": "NodePort",
            "clusterIP": "10.0.0.9",
            "ports": [{"port": 80, "nodePort": 30080, "protocol": "UDP"}],
        },
        ["NodePort", "10.0.0.9", "<none>", "80:30080/UDP", "<none>"],
    ),
    (
        {
            "type": "LoadBalancer",
            "clusterIP": "10.0.0.9",
            "allocateLoadBalancerNodePorts": False,
        },
        ["LoadBalancer", "10.0.0.9", "<pending>", "80/TCP", "<none>"],
    ),
    (
        {"type": "ExternalName", "externalName": "x", "ports": None},
        ["ExternalName", "<none>", "x", "<none>", "<none>"],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), MISTAKES)
def test_mistakes_are_named(spec: Object, errors: list[str]) -> None:
    assert KIND.create(merged(SERVICE, spec=spec)).errors == errors


def test_a_service_gets_its_defaults() -> None:
    spec = KIND.create(SERVICE).spec
    assert spec == {
        "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}],
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ipFamilyPolicy": "SingleStack",
        "ipFamilies": ["IPv4"],
        "clusterIPs": [spec["clusterIP"]],
        "clusterIP": spec["clusterIP"],
    }


def test_a_balanced_service_is_reached_from_outside() -> None:
    spec = KIND.create(merged(SERVICE, spec={"type": "LoadBalancer"})).spec
    assert spec["externalTrafficPolicy"] == "Cluster"
    assert spec["allocateLoadBalancerNodePorts"] is True


def test_affinity_lasts_three_hours() -> None:
    spec = KIND.create(merged(SERVICE, spec={"sessionAffinity": "ClientIP"})).spec
    assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_clients_that_know_one_address_keep_both_in_step() -> None:
    made = KIND.create(merged(SERVICE, spec={"clusterIP": "10.0.0.1"}))
    assert made.spec["clusterIPs"] == ["10.0.0.1"]
    again = KIND.update(made, merged(SERVICE, spec={"clusterIP": "10.0.0.1"}))
    assert again.spec["clusterIPs"] == ["10.0.0.1"]
    changed = KIND.update(made, merged(SERVICE, spec={"clusterIP": "10.0.0.2"}))
    assert changed.errors == [
        'spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'
    ]


@pytest.mark.parametrize(("spec", "warnings"), WARNINGS)
def test_doubtful_services_are_warned_of(spec: Object, warnings: list[str]) -> None:
    assert KIND.create(merged(SERVICE, spec=spec)).warnings == warnings


@pytest.mark.parametrize(("spec", "cells"), ROWS)
def test_a_row_shows_how_it_is_reached(spec: Object, cells: list[str]) -> None:
    row = KIND.cells(KIND.create(merged(SERVICE, spec=spec)))
    assert [*row[1:5], row[6]] == cells


def test_only_a_balancer_has_ingress() -> None:
    made = KIND.create(SERVICE)
    status = {"loadBalancer": {"ingress": INGRESS}}
    path = "status.loadBalancer.ingress"
    assert KIND.update(made, merged(SERVICE, status=status), "status").errors == [
        f"{path}: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
    ]


def test_ingress_is_an_address_or_a_name() -> None:
    made = KIND.create(merged(SERVICE, spec={"type": "LoadBalancer"}))
    document = merged(made.object, status={"loadBalancer": {"ingress": INGRESS}})
    path = "status.loadBalancer.ingress"
    assert KIND.update(made, document, "status").errors == [
        f'{path}[0].ip: Invalid value: "x": '
        "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        f'{path}[1].hostname: Invalid value: "192.0.2.1": must be a DNS name, not an IP address',
    ]
