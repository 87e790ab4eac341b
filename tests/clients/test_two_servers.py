"""Two servers on one etcd never allocate the same value twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.clients.conftest import Kubectl, PlainKubectl
from tests.etcd_process import etcd_process
from tests.server_process import running_server


def test_two_servers_on_one_etcd_give_each_service_its_own(tmp_path: Path) -> None:
    """See tests/robustness/test_service_allocations.py for many more."""

    def create_many(kubectl: Kubectl, prefix: str) -> str:
        services = [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": f"{prefix}-{number}"},
                "spec": {"type": "NodePort", "ports": [{"port": 80}]},
            }
            for number in range(count)
        ]
        document = {"apiVersion": "v1", "kind": "List", "items": services}
        return kubectl("create", "-f", "-", stdin=json.dumps(document))

    count = 40
    with etcd_process() as etcd:
        flags = (f"--etcd-servers={etcd.endpoint}", f"--cert-dir={tmp_path / 'identity'}")
        with (
            running_server(tmp_path / "one", *flags) as one,
            running_server(tmp_path / "other", *flags) as other,
        ):
            clients = [PlainKubectl(server.kubeconfig, tmp_path) for server in (one, other)]
            with ThreadPoolExecutor() as threads:
                for made in threads.map(create_many, clients, ("one", "other")):
                    assert len(made.splitlines()) == count
            found = clients[0].json("get", "services")["items"]
            specs = [each["spec"] for each in found]
            addresses = {spec["clusterIP"] for spec in specs}
            ports = {spec["ports"][0]["nodePort"] for spec in specs if spec["type"] == "NodePort"}
            assert (len(addresses), len(ports)) == (2 * count + 1, 2 * count)
            known = clients[1].json("get", "ipaddresses")["items"]
            assert {each["metadata"]["name"] for each in known} == addresses
