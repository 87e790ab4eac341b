"""EndpointSlice mirroring controller: copies hand-made Endpoints into EndpointSlices (KEP-752)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.controllers.informers import follow
from apiserver.controllers.serviceendpoints.endpoints_controller import ENDPOINTS
from apiserver.controllers.serviceendpoints.failed_writes import FailureEvents
from apiserver.controllers.serviceendpoints.mirrored_slices import (
    MAX_ENDPOINTS,
    Mirror,
    mirror,
    should_mirror,
)
from apiserver.controllers.serviceendpoints.slice_metadata import MIRRORING_CONTROLLER
from apiserver.controllers.serviceendpoints.slice_plan import SlicePlan
from apiserver.controllers.serviceendpoints.slice_writer import ENDPOINT_SLICES, SliceWriter
from apiserver.machinery.builtin_resources import SERVICES
from apiserver.machinery.errors import Conflict, NotFound
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.registry.offload import offload
from apiserver.registry.yielding import Yielder

_NAME: Final = "endpoint-slice-mirroring-controller"
_RETRY_SECONDS: Final = 1.0
#: How much work an address is, in the bytes of a document that is as much.
_ADDRESS_SIZE: Final = 256


class EndpointSliceMirroringController:
    """Reconciles Endpoints; keys are ``namespace/name``."""

    sources: Sequence[EventSource] = ()

    def __init__(self, client: Client) -> None:
        self._client = client
        self._slices = SliceWriter(client, MIRRORING_CONTROLLER)
        self._yielder = Yielder()
        self._failures = FailureEvents(client, _NAME)
        self._synced = asyncio.Event()
        #: The Services without a selector.
        self._unselective: set[str] = set()

    async def feed(self, queue: WorkQueue) -> None:
        """Watch and queue Endpoints until cancelled."""

        def queue_if_mirrored(key: str) -> None:
            if key in self._unselective or key in self._slices:
                queue.add(key)

        def observe_service(event: ObjectEvent) -> None:
            key = _key_of(event.object)
            if event.type == DELETED or event.object["spec"].get("selector"):
                self._unselective.discard(key)
            else:
                self._unselective.add(key)
            queue_if_mirrored(key)

        handlers = {
            SERVICES: observe_service,
            ENDPOINTS: lambda event: queue_if_mirrored(_key_of(event.object)),
            ENDPOINT_SLICES: self._slices.handler(queue),
        }
        while True:
            self._slices.clear()
            self._unselective.clear()
            await follow(self._client, handlers, self._synced)
            await asyncio.sleep(_RETRY_SECONDS)

    async def reconcile(self, key: str) -> Requeue | None:
        await self._synced.wait()
        # The queue may have thousands of keys that are done without waiting for anything.
        await self._yielder.yield_if_due()
        namespace, _, name = key.partition("/")
        existing = self._slices.read(key)
        service = self._client.get_cached(SERVICES, namespace, name)
        endpoints = self._client.get_cached(ENDPOINTS, namespace, name)
        if service is None or endpoints is None:
            return await self._write(key, SlicePlan(delete=existing))
        if not should_mirror(endpoints) or service["spec"].get("selector"):
            return await self._write(key, SlicePlan(delete=existing))
        mirrored = await offload(_size(endpoints), mirror, endpoints, existing)
        await self._report(endpoints, mirrored)
        return await self._write(key, mirrored.plan)

    async def _write(self, key: str, plan: SlicePlan) -> Requeue | None:
        try:
            await self._slices.apply(key, plan)
        except (Conflict, NotFound):
            # A slice, the Endpoints or the namespace has changed since.
            return Requeue(None)
        return None

    async def _report(self, endpoints: Object, mirrored: Mirror) -> None:
        if mirrored.invalid:
            text = (
                f"Skipped {mirrored.invalid} invalid IP addresses when mirroring to EndpointSlices"
            )
            await self._failures.record(endpoints, "Endpoints", "InvalidIPAddress", text)
        if mirrored.too_many:
            skipped = mirrored.invalid + mirrored.too_many
            text = (
                f"A max of {MAX_ENDPOINTS} addresses can be mirrored to EndpointSlices per "
                f"Endpoints subset. {skipped} addresses were skipped"
            )
            await self._failures.record(endpoints, "Endpoints", "TooManyAddressesToMirror", text)


def _key_of(document: Object) -> str:
    return f"{namespace_of(document)}/{name_of(document)}"


def _size(endpoints: Object) -> int:
    subsets = endpoints.get("subsets") or ()
    return _ADDRESS_SIZE * sum(
        len(each.get(member) or ())
        for each in subsets
        for member in ("addresses", "notReadyAddresses")
    )
