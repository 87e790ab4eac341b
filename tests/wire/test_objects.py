"""The verbs on one kind, from creation to deletion."""

from __future__ import annotations

import asyncio

from tests.wire.conftest import Api


def config_map(name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


async def test_a_name_is_taken_once(api: Api, namespace: str) -> None:
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    answers = await asyncio.gather(*(api.post(collection, config_map("one")) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7


async def test_the_system_is_there_from_the_start(api: Api) -> None:
    for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
        assert (await api.get(f"/api/v1/namespaces/{name}")).status == 200
    service = (await api.get("/api/v1/namespaces/default/services/kubernetes")).json
    assert service["metadata"]["labels"] == {"component": "apiserver", "provider": "kubernetes"}
    assert [port["port"] for port in service["spec"]["ports"]] == [443]
    flow_control = "/apis/flowcontrol.apiserver.k8s.io/v1"
    for name in ("exempt", "catch-all", "global-default"):
        assert (await api.get(f"{flow_control}/flowschemas/{name}")).status == 200
        assert (await api.get(f"{flow_control}/prioritylevelconfigurations/{name}")).status == 200


async def test_every_group_version_has_an_available_api_service(api: Api) -> None:
    groups = (await api.get("/apis")).json["groups"]
    served = {
        f"{version['version']}.{group['name']}"
        for group in groups
        for version in group["versions"]
        if group["name"] != "apiregistration.k8s.io"
    }
    found = (await api.get("/apis/apiregistration.k8s.io/v1/apiservices")).json["items"]
    available = {
        service["metadata"]["name"]
        for service in found
        for condition in service["status"]["conditions"]
        if (condition["type"], condition["status"]) == ("Available", "True")
    }
    assert {"v1.", *served} <= available
