"""Services as kubectl makes and shows them, with the endpoints that follow their Pods."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest

from tests.clients.conftest import ON_ETCD, WAITS, Kubectl
from tests.waiting import wait_until

pytestmark = ON_ETCD

IP: Final = r"10\.\d+\.\d+\.\d+"

#: What follows ``kubectl create service``, the line in ``kubectl get``, and more of a wide one.
#: Node ports below 30086 are only given to those who name one.
MADE: Final = [
    (
        "clusterip plain --tcp=80:8080 --tcp=443",
        rf"plain +ClusterIP +{IP} +<none> +80/TCP,443/TCP +\d+s",
        "app=plain",
    ),
    ("clusterip headless --clusterip=None", r"headless +ClusterIP +None +<none> +<none> +\d+s",
     "app=headless"),
    (
        "nodeport open --tcp=80:8080 --node-port=30001",
        rf"open +NodePort +{IP} +<none> +80:30001/TCP +\d+s",
        "app=open",
    ),
    (
        "loadbalancer balanced --tcp=80:8080",
        rf"balanced +LoadBalancer +{IP} +<pending> +80:3\d{{4}}/TCP +\d+s",
        "app=balanced",
    ),
    (
        "externalname outside --external-name=example.com --tcp=80",
        r"outside +ExternalName +<none> +example\.com +80/TCP +\d+s",
        "app=outside",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("command", "line", "selector"), MADE)
def test_services_of_every_type(kubectl: Kubectl, command: str, line: str, selector: str) -> None:
    name = command.split()[1]
    kubectl("create", "service", *command.split())
    header, shown = kubectl("get", "service", name).splitlines()
    assert header.split() == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    assert re.fullmatch(line, shown), shown
    header, shown = kubectl("get", "svc", name, "-o", "wide").splitlines()
    assert header.endswith("SELECTOR")
    assert re.fullmatch(rf"{line} +{selector}", shown), shown
    kubectl("delete", "service", name)


def test_a_port_that_is_taken_is_refused(kubectl: Kubectl) -> None:
    command = ["create", "service", "nodeport"]
    kubectl(*command, "first", "--tcp=80")
    port = kubectl.json("get", "service", "first")["spec"]["ports"][0]["nodePort"]
    refusal = kubectl.refused(*command, "second", "--tcp=80", f"--node-port={port}")
    assert f"spec.ports[0].nodePort: Invalid value: {port}: provided port is already" in refusal
    kubectl("delete", "service", "first")


def make_node(kubectl: Kubectl, name: str) -> None:
    labels = {"topology.kubernetes.io/zone": "zone-a"}
    metadata = {"name": name, "labels": labels}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
    kubectl("apply", "-f", "-", stdin=json.dumps(node))


def run_pod(kubectl: Kubectl, name: str, node: str, *arguments: str) -> None:
    """Make a Pod that has been placed on a node, as ``kubectl run`` makes it."""
    spec = {"apiVersion": "v1", "spec": {"nodeName": node}}
    kubectl("run", name, "--image=i", f"--overrides={json.dumps(spec)}", *arguments)


def become_ready(kubectl: Kubectl, pod: str, *ips: str, ready: str = "True") -> None:
    """Say of a Pod what a kubelet would say."""
    status = {
        "phase": "Running",
        "podIP": ips[0],
        "podIPs": [{"ip": ip} for ip in ips],
        "conditions": [{"type": "Ready", "status": ready}],
    }
    patch = json.dumps({"status": status})
    kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", "-p", patch)


def test_endpoints_follow_the_pods(kubectl: Kubectl) -> None:
    node = f"node-{kubectl.namespace}"
    make_node(kubectl, node)
    run_pod(kubectl, "web", node, "--port=8080", "--labels=app=web")
    kubectl("expose", "pod", "web", "--port=80", "--target-port=8080", "--name=s")
    wait_until(lambda: kubectl.run("get", "endpoints", "s").returncode == 0)
    assert kubectl("get", "endpoints", "s").splitlines()[1].split()[:2] == ["s", "<none>"]
    become_ready(kubectl, "web", "10.9.0.1")
    wait_until(lambda: "10.9.0.1:8080" in kubectl("get", "endpoints", "s"))
    run_pod(kubectl, "other", node, "--labels=app=web")
    become_ready(kubectl, "other", "10.9.0.2", ready="False")
    kubectl(
        "wait", "endpoints/s", "--for=jsonpath={.subsets[0].notReadyAddresses[0].ip}=10.9.0.2",
        WAITS,
    )  # fmt: skip
    described = kubectl("describe", "service", "s")
    assert re.search(r"^Endpoints: +10\.9\.0\.1:8080$", described, re.MULTILINE), described
    link = "kubernetes.io/service-name=s"
    wait_until(lambda: "10.9.0.2" in kubectl("get", "endpointslices", "-l", link))
    header, shown = kubectl("get", "endpointslices", "-l", link).splitlines()
    assert header.split() == ["NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"]
    assert re.fullmatch(r"s-\w{5} +IPv4 +8080 +10\.9\.0\.1,10\.9\.0\.2 +\d+s", shown)
    (document,) = kubectl.json("get", "endpointslices", "-l", link)["items"]
    assert [each["conditions"]["ready"] for each in document["endpoints"]] == [True, False]
    assert {each["zone"] for each in document["endpoints"]} == {"zone-a"}
    kubectl("delete", "service", "s")
    wait_until(lambda: not kubectl.json("get", "endpoints,endpointslices")["items"])
    kubectl("delete", "node", node)


def test_manual_endpoints_are_mirrored(kubectl: Kubectl) -> None:
    kubectl("create", "service", "clusterip", "s", "--tcp=80")
    kubectl("patch", "service", "s", "--type=json", "-p",
            '[{"op": "remove", "path": "/spec/selector"}]')  # fmt: skip
    kubectl("delete", "endpoints,endpointslices", "--all")
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "s"},
        "subsets": [{"addresses": [{"ip": "10.9.0.9"}], "ports": [{"name": "80", "port": 99}]}],
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(document))
    wait_until(lambda: "10.9.0.9" in kubectl("get", "endpointslices"))
    assert "10.9.0.9:99" in kubectl("describe", "service", "s")


def test_what_takes_a_kubelet_is_refused_clearly(kubectl: Kubectl) -> None:
    node = f"node-{kubectl.namespace}"
    make_node(kubectl, node)
    run_pod(kubectl, "p", node, "--labels=app=p")
    become_ready(kubectl, "p", "10.9.0.3")
    kubectl("expose", "pod", "p", "--port=80")
    calls = (
        ("logs", "p"), ("exec", "p", "--", "true"), ("port-forward", "p", "8080:80"),
        ("port-forward", "service/p", "8080:80"), ("attach", "p"),
    )  # fmt: skip
    for call in calls:
        done = kubectl.run(*call)
        assert done.returncode == 1, call
        assert "no preferred addresses found; known addresses: []" in done.stderr, done.stderr
    kubectl("delete", "node", node)
