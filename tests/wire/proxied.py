"""A backend behind a Service, a Pod and a Node, and the paths that lead to it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from tests.wire.backend import Backend

if TYPE_CHECKING:
    from tests.wire.conftest import Api


class Proxied:
    """A Pod, a Node and a Service that are the same backend."""

    def __init__(self, api: Api, namespace: str, backend: Backend) -> None:
        self.api = api
        self.root = f"/api/v1/namespaces/{namespace}"
        self.backend = backend
        self.node = f"node-{uuid.uuid4().hex[:8]}"

    async def make(self) -> None:
        """Make them all."""
        addresses = [{"type": "InternalIP", "address": self.backend.address}]
        node = {"metadata": {"name": self.node}, "status": {"addresses": addresses}}
        await self.post("/api/v1/nodes", "Node", node)
        ports = [{"name": "http", "containerPort": self.backend.port}]
        containers = [{"name": "c", "image": "i", "ports": ports}]
        pod = {"metadata": {"name": "p"}, "spec": {"containers": containers}}
        await self.post(f"{self.root}/pods", "Pod", pod)
        await self.place("p", self.backend.address)
        await self.serve("s", self.backend.port, "p")

    async def place(self, pod: str, address: str) -> None:
        """Give a Pod an address."""
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        status["conditions"] = [{"type": "Ready", "status": "True"}]
        answer = await self.api.send(
            "PATCH",
            f"{self.root}/pods/{pod}/status",
            {"status": status},
            {"Content-Type": "application/merge-patch+json"},
        )
        assert answer.status == 200, answer.text

    async def serve(self, name: str, port: int, pod: str, ready: bool = True) -> None:
        """Make a Service whose endpoints are written by hand."""
        ports = [{"name": "http", "port": 80}, {"name": "tls", "port": 443}]
        await self.post(
            f"{self.root}/services",
            "Service",
            {"metadata": {"name": name}, "spec": {"ports": ports}},
        )
        target = {"kind": "Pod", "name": pod, "namespace": self.root.rpartition("/")[2]}
        subset = {
            "addresses" if ready else "notReadyAddresses": [
                {"ip": self.backend.address, "targetRef": target}
            ],
            "ports": [
                {"name": "http", "port": port},
                {"name": "tls", "port": self.backend.tls_port},
            ],
        }
        document = {"metadata": {"name": name}, "subsets": [subset]}
        await self.post(f"{self.root}/endpoints", "Endpoints", document)

    async def post(self, path: str, kind: str, document: Any) -> None:
        """Create an object."""
        answer = await self.api.post(path, {"apiVersion": "v1", "kind": kind, **document})
        assert answer.status == 201, answer.text

    def service(self, path: str = "", name: str = "s:http") -> str:
        """Return the path of the proxy of a Service."""
        return f"{self.root}/services/{name}/proxy{path}"

    def path_of(self, kind: str) -> str:
        """Return the path of a proxy."""
        return {
            "services": self.service(),
            "pods": f"{self.root}/pods/p/proxy",
            "nodes": f"/api/v1/nodes/{self.node}:{self.backend.port}/proxy",
        }[kind]
