"""Endpoints controller: writes the Endpoints of Services that select Pods.

The server deletes the Endpoints of a Service together with it. Those that this controller wrote and
that have no Service nevertheless are deleted when it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.controllers.informers import Handler
from apiserver.controllers.serviceendpoints.failed_writes import FailureEvents, is_terminating
from apiserver.controllers.serviceendpoints.service_endpoints import (
    CONTROLLER,
    MANAGED_BY,
    changed_endpoints,
)
from apiserver.controllers.serviceendpoints.service_index import Selector, selector_of
from apiserver.controllers.serviceendpoints.service_watches import POD_SIZE, ServiceWatches
from apiserver.controllers.serviceendpoints.trigger_times import TriggerTimes
from apiserver.machinery.builtin_resources import SERVICES
from apiserver.machinery.errors import Conflict, NotFound, StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.options import DeleteOptions
from apiserver.registry.offload import offload
from apiserver.registry.yielding import Yielder

ENDPOINTS: Final = GroupVersionResource("", "v1", "endpoints")


class EndpointsController:
    """Reconciles Services; keys are ``namespace/name``."""

    sources: Sequence[EventSource] = ()

    def __init__(self, client: Client) -> None:
        self._client = client
        self._watches = ServiceWatches(client, with_nodes=False)
        self._times = TriggerTimes()
        self._yielder = Yielder()
        self._failures = FailureEvents(client, CONTROLLER)

    async def feed(self, queue: WorkQueue) -> None:
        """Watch and queue Services until cancelled."""
        handlers = {ENDPOINTS: self._handler(queue)}
        await self._watches.feed(queue, handlers, _nothing)

    async def reconcile(self, key: str) -> Requeue | None:
        await self._watches.synced.wait()
        # The queue may have thousands of keys that are done without waiting for anything.
        await self._yielder.yield_if_due()
        namespace, _, name = key.partition("/")
        existing = self._client.get_cached(ENDPOINTS, namespace, name)
        service = self._client.get_cached(SERVICES, namespace, name)
        if service is None:
            self._times.forget(key)
            await self._delete(existing)
            return None
        selector = selector_of(service["spec"])
        if selector is None:
            return None
        with self._watches.timed(key):
            return await self._reconcile(key, service, selector, existing)

    async def _reconcile(
        self, key: str, service: Object, selector: Selector, existing: Object | None
    ) -> Requeue | None:
        if not self._watches.synced.is_set():
            return Requeue(0)
        pods = self._watches.index.pods_of(namespace_of(service), selector)
        last_change = self._times.last_change(key, service, pods)
        changed = await offload(
            POD_SIZE * len(pods), changed_endpoints, service, pods, existing, last_change
        )
        if changed is None:
            return None
        try:
            if existing is None:
                await self._client.create(ENDPOINTS, changed)
            else:
                await self._client.update(ENDPOINTS, changed)
        except (Conflict, NotFound):
            # The Endpoints, the Service or the namespace have changed since.
            return Requeue(None)
        except StatusError as error:
            if existing is None and is_terminating(error):
                return None
            await self._record(key, changed, existing, error)
            raise
        return None

    async def _record(
        self, key: str, changed: Object, existing: Object | None, error: StatusError
    ) -> None:
        reason, text = "FailedToUpdateEndpoint", f"Failed to update endpoint {key}: {error}"
        if existing is None:
            reason = "FailedToCreateEndpoint"
            text = f"Failed to create endpoint for service {key}: {error}"
        await self._failures.record(changed, "Endpoints", reason, text)

    def _handler(self, queue: WorkQueue) -> Handler:
        def observe(event: ObjectEvent) -> None:
            key = f"{namespace_of(event.object)}/{name_of(event.object)}"
            if event.type == DELETED:
                if key in self._watches.index:
                    queue.add(key)
            elif not self._watches.synced.is_set() and _is_managed(event.object):
                queue.add(key)

        return observe

    async def _delete(self, existing: Object | None) -> None:
        if existing is None or not _is_managed(existing):
            return
        options = DeleteOptions(uid=existing["metadata"]["uid"])
        try:
            await self._client.delete(ENDPOINTS, namespace_of(existing), name_of(existing), options)
        except NotFound:
            return


def _is_managed(endpoints: Object) -> bool:
    labels = endpoints["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == CONTROLLER


def _nothing() -> None:
    """Do nothing: no state is kept for Endpoints."""
