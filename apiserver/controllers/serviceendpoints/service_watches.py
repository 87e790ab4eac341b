"""Watches of what the endpoints of Services depend on, and how often they are reconciled.

Changes of Pods come in bursts, and every write of endpoints goes to all nodes. So a Service is
reconciled some time after the first change of a burst, and the time grows with what it costs: a
Service of many Pods takes a bounded share of the server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.informers import Handler, follow
from apiserver.controllers.serviceendpoints.service_index import ServiceIndex
from apiserver.machinery.builtin_resources import NODES, PODS, SERVICES
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import name_of, namespace_of

#: The time from the first change of a burst until its reconciliation, in seconds.
BATCH_SECONDS: Final = 0.1
#: How much work a Pod is, in the bytes of a document that is as much.
POD_SIZE: Final = 256
#: The same, as a multiple of the duration of the last reconciliation.
_PAUSE_FACTOR: Final = 10
_MAX_PAUSE: Final = 5.0
_RETRY_SECONDS: Final = 1.0


class ServiceWatches:
    """Queues Services whose endpoints may have changed; ``index`` shows their Pods.

    ``with_nodes``: the zones of Nodes matter as well.
    """

    def __init__(self, client: Client, *, with_nodes: bool) -> None:
        self._client = client
        self._with_nodes = with_nodes
        self._pauses: dict[str, float] = {}
        self.index = ServiceIndex()
        self.synced = asyncio.Event()

    async def feed(
        self,
        queue: WorkQueue,
        others: Mapping[GroupVersionResource, Handler],
        forget: Callable[[], None],
    ) -> None:
        """Watch, with the handlers of ``others``, until cancelled.

        Whenever watches begin again, all Services are queued, and ``forget`` is called before.
        """
        handlers = {**self._handlers(queue), **others}
        while True:
            for key in self.index.services():
                queue.add(key)
            self.index.clear()
            forget()
            await follow(self._client, handlers, self.synced)
            await asyncio.sleep(_RETRY_SECONDS)

    @contextmanager
    def timed(self, key: str) -> Iterator[None]:
        """Measure the reconciliation of a Service."""
        began = time.perf_counter()
        try:
            yield
        finally:
            pause = min(_PAUSE_FACTOR * (time.perf_counter() - began), _MAX_PAUSE)
            if pause > BATCH_SECONDS:
                self._pauses[key] = pause
            else:
                self._pauses.pop(key, None)

    def _handlers(self, queue: WorkQueue) -> dict[GroupVersionResource, Handler]:
        def observe_service(event: ObjectEvent) -> None:
            key = self.index.observe_service(event)
            if key is not None:
                queue.add(key)
            if event.type == DELETED:
                self._pauses.pop(f"{namespace_of(event.object)}/{name_of(event.object)}", None)

        def batch(keys: Iterable[str]) -> None:
            for key in keys:
                queue.add_after(key, self._pauses.get(key, BATCH_SECONDS))

        handlers: dict[GroupVersionResource, Handler] = {
            SERVICES: observe_service,
            PODS: lambda event: batch(self.index.observe_pod(event)),
        }
        if self._with_nodes:
            handlers[NODES] = lambda event: batch(self.index.observe_node(event))
        return handlers
