"""The controllers of Endpoints and EndpointSlices on a real registry, as they run."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from apiserver.client.client import Client
from apiserver.controllers.controller import Controller, Reconciler
from apiserver.controllers.serviceendpoints.endpoints_controller import (
    ENDPOINTS,
    EndpointsController,
)
from apiserver.controllers.serviceendpoints.endpointslice_controller import EndpointSliceController
from apiserver.controllers.serviceendpoints.endpointslice_mirroring_controller import (
    EndpointSliceMirroringController,
)
from apiserver.controllers.serviceendpoints.service_watches import BATCH_SECONDS
from apiserver.controllers.serviceendpoints.slice_writer import ENDPOINT_SLICES
from apiserver.machinery.builtin_resources import EVENTS, NODES, SERVICES
from apiserver.machinery.errors import NotFound
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, with_metadata
from apiserver.machinery.options import DeleteOptions
from apiserver.registry.loopback import Loopback, controller_client
from apiserver.registry.registry import Registry
from tests.unit.cluster import NAMESPACES, PODS, create, named, pod, registry_in_memory
from tests.waiting import eventually

SERVICE = "kubernetes.io/service-name"
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:01Z"}


class CountingClient(Loopback):
    """A client that counts its writes of each resource and verb."""

    def __init__(self, client: Loopback) -> None:
        vars(self).update(vars(client))
        self.writes: Counter[tuple[str, str]] = Counter()

    async def create(self, resource: GroupVersionResource, document: Object) -> Object:
        self.writes[resource.resource, "create"] += 1
        return await super().create(resource, document)

    async def update(
        self, resource: GroupVersionResource, document: Object, subresource: str = ""
    ) -> Object:
        self.writes[resource.resource, "update"] += 1
        return await super().update(resource, document, subresource)

    async def delete(
        self, resource: GroupVersionResource, namespace: str, name: str, options: DeleteOptions
    ) -> None:
        self.writes[resource.resource, "delete"] += 1
        await super().delete(resource, namespace, name, options)


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with registry_in_memory() as registry:
        await create(registry, NAMESPACES, named("n"))
        await create(registry, NODES, named("node"))
        yield registry


@pytest.fixture
def client(registry: Registry) -> CountingClient:
    return CountingClient(controller_client(registry, "test-controller"))


@pytest.fixture
async def run(client: CountingClient) -> AsyncIterator[Callable[..., Controller]]:
    """Run controllers until the test ends."""
    tasks: list[asyncio.Task[None]] = []

    def start(build: Callable[[Client], Reconciler], workers: int = 4) -> Controller:
        controller = Controller("test", client, build(client), workers)
        tasks.append(asyncio.create_task(controller.run()))
        return controller

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def serve(registry: Registry, name: str = "web", **spec: Any) -> Object:
    document = {**named(name, "n"), "spec": {"ports": [{"port": 80, "targetPort": 8080}], **spec}}
    return await create(registry, SERVICES, document)


async def start_pod(registry: Registry, name: str, ip: str, app: str = "web") -> None:
    document = pod(name, "n", nodeName="node")
    document["metadata"]["labels"] = {"app": app}
    made = await create(registry, PODS, document)
    await set_status(registry, made, ip)


async def set_status(registry: Registry, document: Object, ip: str, **status: Any) -> None:
    kubelet = controller_client(registry, "kubelet")
    changed = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [READY]}
    status = {**document["status"], **changed, **status}
    await kubelet.update(PODS, with_metadata({**document, "status": status}), "status")


async def slices(client: Client, service: str = "web") -> list[Object]:
    return [
        each
        for each in (await client.list(ENDPOINT_SLICES, "n")).items
        if each["metadata"]["labels"].get(SERVICE) == service
    ]


async def addresses(client: Client, service: str = "web") -> set[str]:
    """Return the addresses in the slices of a Service."""
    return {
        address
        for document in await slices(client, service)
        for endpoint in document["endpoints"] or ()
        for address in endpoint["addresses"]
    }


async def ready(client: Client, service: str = "web") -> set[str]:
    """Return the ready addresses in the Endpoints of a Service."""
    try:
        found = await client.get(ENDPOINTS, "n", service)
    except NotFound:
        return {"none"}
    return {each["ip"] for part in found.get("subsets") or () for each in part.get("addresses", ())}


async def test_endpoints_follow_the_pods(
    registry: Registry, client: CountingClient, run: Callable[..., Controller]
) -> None:
    run(EndpointsController)
    run(EndpointSliceController)
    await start_pod(registry, "before", "10.1.0.1")
    await serve(registry, selector={"app": "web"})
    await start_pod(registry, "after", "10.1.0.2")
    await start_pod(registry, "other", "10.1.0.3", "database")
    both = {"10.1.0.1", "10.1.0.2"}

    async def shown(expected: set[str]) -> bool:
        return await addresses(client) == await ready(client) == expected

    await eventually(lambda: shown(both))
    await client.delete(PODS, "n", "before", DeleteOptions(grace_period_seconds=0))
    await eventually(lambda: shown({"10.1.0.2"}))
    service = await client.get(SERVICES, "n", "web")
    spec = {**service["spec"], "selector": {"app": "database"}}
    await client.update(SERVICES, {**service, "spec": spec})
    await eventually(lambda: shown({"10.1.0.3"}))


async def test_what_others_break_is_mended(
    registry: Registry, client: CountingClient, run: Callable[..., Controller]
) -> None:
    run(EndpointsController)
    run(EndpointSliceController)
    await start_pod(registry, "p", "10.1.0.1")
    await serve(registry, selector={"app": "web"})

    async def shown() -> bool:
        return await addresses(client) == await ready(client) == {"10.1.0.1"}

    await eventually(shown)
    (document,) = await slices(client)
    others = controller_client(registry, "others")
    await others.update(ENDPOINT_SLICES, {**document, "endpoints": []})
    await eventually(shown)
    await others.delete(ENDPOINT_SLICES, "n", name_of(document), DeleteOptions())
    await others.delete(ENDPOINTS, "n", "web", DeleteOptions())
    await eventually(shown)
    (document,) = await slices(client)
    taken = with_metadata(document, labels={SERVICE: "web"})
    await others.update(ENDPOINT_SLICES, taken)

    async def replaced() -> bool:
        found = await slices(client)
        return len(found) == 2 and all(each["endpoints"] for each in found)

    await eventually(replaced)


async def test_services_without_a_selector_are_left_to_others(
    registry: Registry, client: CountingClient, run: Callable[..., Controller]
) -> None:
    run(EndpointsController)
    run(EndpointSliceController)
    await serve(registry, "manual")
    await serve(registry, "external", type="ExternalName", externalName="x.y", selector={"a": "b"})
    await serve(registry, selector={"app": "web"})
    await eventually(lambda: slices(client))
    await eventually(lambda: client.writes["endpoints", "create"])
    assert client.writes == {("endpointslices", "create"): 1, ("endpoints", "create"): 1}


async def test_endpoints_without_a_service_go_if_the_controller_wrote_them(
    registry: Registry, client: CountingClient, run: Callable[..., Controller]
) -> None:
    await create(registry, ENDPOINTS, named("manual", "n"))
    labels = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
    await create(registry, ENDPOINTS, named("left", "n", labels=labels))
    run(EndpointsController)

    async def names() -> list[str]:
        return [name_of(each) for each in (await client.list(ENDPOINTS, "n")).items]

    async def only_manual() -> bool:
        return await names() == ["manual"]

    await eventually(only_manual)


async def test_manual_endpoints_are_mirrored(
    registry: Registry, client: CountingClient, run: Callable[..., Controller]
) -> None:
    run(EndpointSliceMirroringController)
    await serve(registry)
    subset = {"addresses": [{"ip": "10.1.0.1"}], "ports": [{"port": 8080}]}
    made = await create(registry, ENDPOINTS, {**named("web", "n"), "subsets": [subset]})

    async def shows(*expected: str) -> bool:
        return await addresses(client) == set(expected)

    await eventually(lambda: shows("10.1.0.1"))
    subset = {**subset, "addresses": [{"ip": "10.1.0.1"}, {"ip": "10.1.0.2"}]}
    others = controller_client(registry, "others")
    await others.update(ENDPOINTS, {**made, "subsets": [subset]})
    await eventually(lambda: shows("10.1.0.1", "10.1.0.2"))
    service = await others.get(SERVICES, "n", "web")
    selected = {**service, "spec": {**service["spec"], "selector": {"app": "web"}}}
    service = await others.update(SERVICES, selected)

    async def gone() -> bool:
        return not await slices(client)

    await eventually(gone)
    unselected = {**service["spec"]}
    del unselected["selector"]
    await others.update(SERVICES, {**service, "spec": unselected})
    await eventually(lambda: shows("10.1.0.1", "10.1.0.2"))
    await others.delete(ENDPOINTS, "n", "web", DeleteOptions())
    await eventually(gone)


async def test_addresses_that_are_not_mirrored_are_told_of(
    registry: Registry, client: CountingClient, run: Callable[..., Controller]
) -> None:
    run(EndpointSliceMirroringController)
    await serve(registry)
    many = [{"ip": f"10.1.{each // 256}.{each % 256}"} for each in range(1, 1003)]
    subset = {"addresses": many, "ports": [{"port": 8080}]}
    await create(registry, ENDPOINTS, {**named("web", "n"), "subsets": [subset]})

    async def messages() -> list[str]:
        return [each["message"] for each in (await client.list(EVENTS, "n")).items]

    await eventually(messages)
    assert await messages() == [
        "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. "
        "2 addresses were skipped"
    ]


@pytest.mark.parametrize("services", [1, 20])
async def test_a_burst_of_changes_is_one_write_of_each_slice(
    registry: Registry, client: CountingClient, run: Callable[..., Controller], services: int
) -> None:
    """Pods that become ready at once cost one write of the slices that they are in."""
    pods = 200 // services
    documents = []
    for at in range(services):
        await serve(registry, f"web-{at}", selector={"app": f"web-{at}"})
        for number in range(pods):
            document = pod(f"p-{at}-{number}", "n", nodeName="node")
            document["metadata"]["labels"] = {"app": f"web-{at}"}
            documents.append(await create(registry, PODS, document))
    run(EndpointSliceController)

    async def placed() -> bool:
        return client.writes["endpointslices", "create"] == services

    await eventually(placed)
    client.writes.clear()
    began = time.monotonic()
    for number, document in enumerate(documents):
        await set_status(registry, document, f"10.1.{number // 250}.{number % 250 + 1}")

    async def all_shown() -> bool:
        found = [await addresses(client, f"web-{at}") for at in range(services)]
        return sum(map(len, found)) == len(documents)

    await eventually(all_shown)
    written = client.writes["endpointslices", "update"] + client.writes["endpointslices", "create"]
    slices_of_each = -(-pods // 100)
    # A burst that takes longer than a batch is several of them.
    batches = (time.monotonic() - began) / BATCH_SECONDS + 1
    assert slices_of_each * services <= written <= batches * slices_of_each * services
    assert client.writes["endpointslices", "delete"] == 0
