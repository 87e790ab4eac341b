"""EndpointSlice controller: writes the EndpointSlices of Services that select Pods (KEP-752)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.client.client import Client
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.controllers.serviceendpoints.failed_writes import FailureEvents
from apiserver.controllers.serviceendpoints.service_index import Selector, selector_of
from apiserver.controllers.serviceendpoints.service_watches import POD_SIZE, ServiceWatches
from apiserver.controllers.serviceendpoints.slice_metadata import SLICE_CONTROLLER
from apiserver.controllers.serviceendpoints.slice_plan import plan_slices
from apiserver.controllers.serviceendpoints.slice_writer import ENDPOINT_SLICES, SliceWriter
from apiserver.controllers.serviceendpoints.trigger_times import TriggerTimes
from apiserver.machinery.builtin_resources import SERVICES
from apiserver.machinery.errors import Conflict, NotFound, StatusError
from apiserver.machinery.objects import Object, namespace_of
from apiserver.registry.offload import offload
from apiserver.registry.yielding import Yielder

_NAME: Final = "endpoint-slice-controller"


class EndpointSliceController:
    """Reconciles Services; keys are ``namespace/name``."""

    sources: Sequence[EventSource] = ()

    def __init__(self, client: Client) -> None:
        self._client = client
        self._watches = ServiceWatches(client, with_nodes=True)
        self._slices = SliceWriter(client, SLICE_CONTROLLER)
        self._times = TriggerTimes()
        self._yielder = Yielder()
        self._failures = FailureEvents(client, _NAME)

    async def feed(self, queue: WorkQueue) -> None:
        """Watch and queue Services until cancelled."""
        handlers = {ENDPOINT_SLICES: self._slices.handler(queue)}
        await self._watches.feed(queue, handlers, self._slices.clear)

    async def reconcile(self, key: str) -> Requeue | None:
        await self._watches.synced.wait()
        # The queue may have thousands of keys that are done without waiting for anything.
        await self._yielder.yield_if_due()
        namespace, _, name = key.partition("/")
        service = self._client.get_cached(SERVICES, namespace, name)
        if service is None:
            # The garbage collector deletes the slices.
            self._times.forget(key)
            return None
        selector = selector_of(service["spec"])
        if selector is None:
            return None
        try:
            with self._watches.timed(key):
                return await self._reconcile(key, service, selector)
        except (Conflict, NotFound):
            # The Service, its namespace or a slice has changed since.
            return Requeue(None)
        except StatusError as error:
            text = f"Error updating Endpoint Slices for Service {key}: {error}"
            await self._failures.record(service, "Service", "FailedToUpdateEndpointSlices", text)
            raise

    async def _reconcile(self, key: str, service: Object, selector: Selector) -> Requeue | None:
        if not self._watches.synced.is_set():
            return Requeue(0)
        existing = self._slices.read(key)
        index = self._watches.index
        pods = index.pods_of(namespace_of(service), selector)
        last_change = self._times.last_change(key, service, pods)
        plan = await offload(
            POD_SIZE * len(pods), plan_slices, service, pods, index.zones, existing, last_change
        )
        await self._slices.apply(key, plan)
        return None
