"""What Services take of addresses and node ports, and what they free."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from apiserver.machinery.errors import InternalError, Invalid
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.resources.allocation import Allocation, ServiceRanges
from apiserver.resources.builtin.core.services import clusterips, nodeports
from apiserver.resources.builtin.core.services.allocation import IP_ADDRESSES, ip_address_of
from tests.unit.resources.allocations import Taken
from tests.unit.resources.writing import Kind, Written, causes_of, merged

DUAL = ServiceRanges(("10.0.0.0/24", "fd00::/112"))
SERVICE_CIDRS = GroupVersionResource("networking.k8s.io", "v1", "servicecidrs")
KIND = Kind("v1", "Service")
SERVICE = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}
OTHER = {"metadata": {"name": "other", "namespace": "default"}}


def service(**spec: Any) -> Object:
    return KIND.addressed(merged(SERVICE, spec=spec))


def addresses(*names: str) -> dict[GroupVersionResource, list[Object]]:
    return {IP_ADDRESSES: [ip_address_of(OTHER, name) for name in names]}


def created(allocation: Allocation) -> list[str]:
    return [document["metadata"]["name"] for _, document in allocation.created]


def deleted(allocation: Allocation) -> list[str]:
    return [each.name for each in allocation.deleted]


def refused(document: Object, old: Object | None = None, taken: Taken | None = None) -> list[str]:
    with pytest.raises(Invalid) as caught:
        KIND.strategy.allocate(document, old, taken or Taken())
    return [str(cause) for cause in causes_of(caught.value)]


def test_an_address_that_is_asked_for_is_taken() -> None:
    made, allocation = KIND.strategy.allocate(service(clusterIP="10.0.0.7"), None, Taken())
    assert (made["spec"]["clusterIPs"], created(allocation)) == (["10.0.0.7"], ["10.0.0.7"])
    ((_, address),) = allocation.created
    assert address["spec"]["parentRef"] == {
        "resource": "services",
        "namespace": "default",
        "name": "a",
    }
    assert address["metadata"]["labels"] == {
        "ipaddress.kubernetes.io/ip-family": "IPv4",
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    }


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("10.0.0.7", "provided IP is already allocated"),
        ("10.9.0.7", "the provided network does not match the current range"),
        ("10.0.0.0", "the provided network does not match the current range"),
        ("10.0.0.255", "the provided network does not match the current range"),
    ],
)
def test_an_address_that_cannot_be_had(asked: str, problem: str) -> None:
    errors = refused(service(clusterIP=asked), taken=Taken(objects=addresses("10.0.0.7")))
    assert errors == [
        f'spec.clusterIPs: Invalid value: ["{asked}"]: failed to allocate IP {asked}: {problem}'
    ]


def test_a_dry_run_takes_nothing() -> None:
    taken = Taken(dry_run=True, objects=addresses("10.0.0.7"))
    made, allocation = KIND.strategy.allocate(service(clusterIP="10.0.0.7"), None, taken)
    assert made["spec"]["clusterIPs"] == ["10.0.0.7"]
    assert allocation == Allocation()


def test_addresses_come_from_the_upper_band_while_it_has_some() -> None:
    network = clusterips.range_of("10.0.0.0/27")
    upper = [f"10.0.0.{number}" for number in range(17, 31)]
    lower = [f"10.0.0.{number}" for number in range(1, 17)]
    used: set[str] = set()
    for band in (upper, lower):
        found = set()
        for _ in band:
            address = clusterips.free_address(network, used.__contains__)
            assert address is not None
            used.add(address)
            found.add(address)
        assert found == set(band)
    assert clusterips.free_address(network, used.__contains__) is None


def test_a_full_range_is_the_servers_failure() -> None:
    names = [str(address) for address in ip_network("10.0.0.0/28").hosts()]
    taken = Taken(ServiceRanges(("10.0.0.0/28",)), objects=addresses(*names))
    with pytest.raises(InternalError, match="failed to allocate a serviceIP: range is full"):
        KIND.strategy.allocate(service(), None, taken)


def test_finding_an_address_does_not_cost_what_is_taken() -> None:
    used = {f"10.0.{number >> 8}.{number & 255}" for number in range(512, 20_512)}
    probes = 0

    def is_used(name: str) -> bool:
        nonlocal probes
        probes += 1
        return name in used

    for _ in range(100):
        assert clusterips.free_address(clusterips.range_of("10.0.0.0/16"), is_used)
    assert probes < 1000


@pytest.mark.parametrize(
    ("cidr", "size"),
    [("10.0.0.0/28", 0), ("10.0.0.0/24", 16), ("10.0.0.0/20", 255), ("10.0.0.0/16", 256)],
)
def test_the_lower_band_is_a_sixteenth_within_bounds(cidr: str, size: int) -> None:
    found = clusterips.range_of(cidr)
    assert found.middle - found.first == size


@pytest.mark.parametrize(("count", "size"), [(16, 0), (100, 16), (2768, 86), (10_000, 128)])
def test_the_lower_band_of_ports_is_smaller(count: int, size: int) -> None:
    assert nodeports.static_size(range(30000, 30000 + count)) == size


def test_further_ranges_have_addresses_unless_they_are_not_ready() -> None:
    def cidr(text: str, ready: str) -> Object:
        status = {"conditions": [{"type": "Ready", "status": ready}]}
        return {"metadata": {"name": text}, "spec": {"cidrs": [text]}, "status": status}

    objects = {SERVICE_CIDRS: [cidr("10.1.0.0/24", "True"), cidr("10.2.0.0/24", "False")]}
    taken = Taken(objects=objects)
    made, _ = KIND.strategy.allocate(service(clusterIP="10.1.0.7"), None, taken)
    assert made["spec"]["clusterIP"] == "10.1.0.7"
    assert "does not match" in refused(service(clusterIP="10.2.0.7"), taken=taken)[0]


def dual(old: Object | None = None, **spec: Any) -> tuple[Object, Allocation]:
    taken = Taken(DUAL, objects={})
    if old is not None:
        taken.objects[IP_ADDRESSES] = [ip_address_of(old, ip) for ip in old["spec"]["clusterIPs"]]
    return KIND.strategy.allocate(service(**spec), old, taken)


def test_two_families_get_an_address_each() -> None:
    made, allocation = dual(ipFamilyPolicy="RequireDualStack")
    assert made["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
    assert made["spec"]["clusterIPs"] == created(allocation)
    assert ["." in ip for ip in made["spec"]["clusterIPs"]] == [True, False]


def test_a_second_family_comes_and_goes_with_the_policy() -> None:
    single, _ = dual()
    both, more = dual(single, ipFamilyPolicy="PreferDualStack")
    assert both["spec"]["clusterIPs"] == [single["spec"]["clusterIP"], *created(more)]
    unchanged, nothing = dual(both, **both["spec"])
    assert (unchanged["spec"], nothing) == (both["spec"], Allocation())
    again, less = dual(both, **{**both["spec"], "ipFamilyPolicy": "SingleStack"})
    assert again["spec"]["clusterIPs"] == single["spec"]["clusterIPs"]
    assert deleted(less) == created(more)


def node_port(old: Object | None = None, **spec: Any) -> tuple[Object, Allocation]:
    return KIND.strategy.allocate(service(**{"type": "NodePort", **spec}), old, Taken())


def test_the_protocols_of_one_port_share_a_node_port() -> None:
    both = [{"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP"}]
    made, allocation = node_port(ports=both)
    first, second = made["spec"]["ports"]
    assert first["nodePort"] == second["nodePort"]
    assert allocation.taken_ports == {first["nodePort"]}


def test_ports_that_a_client_leaves_out_stay() -> None:
    made, _ = node_port()
    again, allocation = node_port(made)
    assert again["spec"]["ports"] == made["spec"]["ports"]
    assert not allocation.changes_ports


def test_ports_that_are_gone_are_freed() -> None:
    made, _ = node_port(ports=[{"port": 80, "nodePort": 30080}])
    _, other = node_port(made, ports=[{"port": 80, "nodePort": 30081}])
    assert (other.taken_ports, other.freed_ports) == ({30081}, {30080})
    _, internal = node_port(made, type="ClusterIP")
    assert (internal.taken_ports, internal.freed_ports) == (frozenset(), {30080})


def test_a_port_that_cannot_be_had() -> None:
    taken = Taken(ports=frozenset({30080}))
    path = "spec.ports[0].nodePort: Invalid value"
    asked = [service(type="NodePort", ports=[{"port": 1, "nodePort": n}]) for n in (30080, 80)]
    assert [refused(document, taken=taken) for document in asked] == [
        [f"{path}: 30080: provided port is already allocated"],
        [
            f"{path}: 80: provided port is not in the valid range. "
            "The range of valid ports is 30000-32767"
        ],
    ]


def test_health_checks_have_a_port_while_they_are_made() -> None:
    local = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    made, allocation = node_port(**local, healthCheckNodePort=32000)
    assert 32000 in allocation.taken_ports
    _, changed = node_port(made, type="LoadBalancer", externalTrafficPolicy="Cluster")
    assert changed.freed_ports == {32000}


def test_what_goes_frees_what_is_its_own() -> None:
    made, _ = node_port(clusterIP="10.0.0.7", ports=[{"port": 80, "nodePort": 30080}])
    own = Taken(objects={IP_ADDRESSES: [ip_address_of(made, "10.0.0.7")]})
    freed = KIND.strategy.release(made, own)
    assert (deleted(freed), freed.freed_ports) == (["a", "10.0.0.7"], {30080})
    foreign = Taken(objects=addresses("10.0.0.7"))
    assert deleted(KIND.strategy.release(made, foreign)) == ["a"]


def changed(old: Written, **spec: Any) -> Written:
    return KIND.update(old, merged(old.object, spec=spec))


def test_a_type_loses_what_it_cannot_have() -> None:
    balanced = {"type": "LoadBalancer", "loadBalancerClass": "a/b"}
    made = KIND.create(merged(SERVICE, spec={**balanced, "externalTrafficPolicy": "Local"}))
    plain = changed(made, type="ClusterIP")
    assert not plain.errors
    lost = made.spec.keys() - plain.spec.keys()
    assert lost == {
        "allocateLoadBalancerNodePorts",
        "externalTrafficPolicy",
        "healthCheckNodePort",
        "loadBalancerClass",
    }
    assert "nodePort" not in plain.spec["ports"][0]
    outside = changed(plain, type="ExternalName", externalName="example.com")
    assert not outside.errors
    kept = {"externalName", "ports", "sessionAffinity", "type"}
    assert outside.spec.keys() == kept
    back = changed(outside, type="ClusterIP", externalName=None)
    assert back.spec["clusterIPs"] == [back.spec["clusterIP"]]
