"""Controller: event sources enqueue keys, and a reconciler brings each to its desired state.

A reconciler is level-triggered: it is called with a key, reads the current state and does what is
missing. When it has to wait for something it returns a `Requeue`; the change is then watched for
instead of polled.

Of several servers on one store the leader runs the controllers, and for a moment there may be two
leaders. Their actions are the same and carry preconditions, so each is applied once or fails with a
conflict.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Final, Protocol, runtime_checkable

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.queue_metrics import QueueMetrics
from apiserver.client.workqueue import WorkQueue
from apiserver.machinery.errors import Conflict, StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.instruments import Family, Instrumented
from apiserver.machinery.valueclasses import valueclass

_RETRY_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


@valueclass
class PendingDeletions:
    """``count`` objects of a resource that are being deleted, as of a resourceVersion."""

    resource: GroupVersionResource
    namespace: str
    resource_version: str
    count: int


@valueclass
class ChangeAfter:
    """Any change to objects of a resource in a namespace after a resourceVersion."""

    resource: GroupVersionResource
    namespace: str
    resource_version: str


@valueclass
class Requeue:
    """When to reconcile a key again: after ``seconds``, or earlier after the awaited changes.

    Those are the end of all ``deletions``, or the first of ``changes``, which is noticed no earlier
    than after ``min_delay`` seconds. ``seconds=None`` marks a failure: the key is retried with an
    exponential backoff.
    """

    seconds: float | None
    deletions: Sequence[PendingDeletions] = ()
    changes: Sequence[ChangeAfter] = ()
    min_delay: float = 0.0


@valueclass
class EventSource:
    """A watch, of one namespace or of all, and a function that enqueues keys for its events."""

    resource: GroupVersionResource
    field_selector: str
    enqueue: Callable[[WorkQueue, ObjectEvent], None]
    namespace: str = ""


class Reconciler(Protocol):
    """The logic of one controller."""

    @property
    def sources(self) -> Sequence[EventSource]:
        """The watches that keys come from."""
        ...

    async def reconcile(self, key: str) -> Requeue | None:
        """Bring a key to its desired state; return when to retry, ``None`` if nothing is left."""
        ...


@runtime_checkable
class QueueFeeder(Protocol):
    """A reconciler that enqueues keys by itself, beside those of its sources."""

    async def feed(self, queue: WorkQueue) -> None:
        """Enqueue keys until cancelled."""
        ...


class Controller:
    """A reconciler with its event sources, queue and workers.

    ``queue`` is the name of the queue in metrics, if not that of the controller.
    """

    def __init__(
        self, name: str, client: Client, reconciler: Reconciler, workers: int = 1, queue: str = ""
    ) -> None:
        self.name = name
        self.metrics = QueueMetrics(queue or name)
        #: Whether keys are reconciled now: it has been started and has not failed.
        self.is_running = False
        self._client = client
        self._reconciler = reconciler
        self._workers = workers
        self._waiting: dict[str, asyncio.Task[None]] = {}
        # Set unless the controller is paused, and unless a key is being reconciled.
        self._resumed, self._quiet = asyncio.Event(), asyncio.Event()
        self._resumed.set()
        self._quiet.set()
        self._reconciling = 0

    def families(self) -> Iterable[Family]:
        """Return the metrics of the reconciler's own."""
        return self._reconciler.families() if isinstance(self._reconciler, Instrumented) else ()

    async def run(self) -> None:
        """Watch and reconcile until cancelled."""
        while True:
            queue = WorkQueue(metrics=self.metrics)
            self.is_running = True
            try:
                async with asyncio.TaskGroup() as group:
                    for source in self._reconciler.sources:
                        group.create_task(self._watch_source(source, queue))
                    if isinstance(self._reconciler, QueueFeeder):
                        group.create_task(self._reconciler.feed(queue))
                    for _ in range(self._workers):
                        group.create_task(self._work(queue, group))
            except Exception:
                # An error here is a bug of the controller. It must not stop the server.
                log.exception("%s: restarting after an unexpected error", self.name)
            finally:
                self.is_running = False
                queue.close()
                self._waiting.clear()
            await asyncio.sleep(_RETRY_SECONDS)

    def pause(self) -> None:
        """Begin to reconcile no further key."""
        self._resumed.clear()

    async def wait_until_quiet(self) -> None:
        """Wait until no key is being reconciled."""
        await self._quiet.wait()

    def resume(self) -> None:
        """Go on after a pause."""
        self._resumed.set()

    async def _watch_source(self, source: EventSource, queue: WorkQueue) -> None:
        while True:
            events = self._client.watch(
                source.resource, source.namespace, field_selector=source.field_selector
            )
            try:
                async with aclosing(events) as batches:
                    async for batch in batches:
                        for event in batch:
                            source.enqueue(queue, event)
            except StatusError as error:
                resource = source.resource.resource
                log.warning("%s: watch of %s failed: %s", self.name, resource, error)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _work(self, queue: WorkQueue, group: asyncio.TaskGroup) -> None:
        while True:
            key = await queue.get()
            if not self._resumed.is_set():
                await self._resumed.wait()
            requeue = await self._reconciled(key)
            waiting = self._waiting.pop(key, None)
            if waiting is not None:
                waiting.cancel()
            if requeue is not None and (requeue.deletions or requeue.changes):
                self._waiting[key] = group.create_task(self._wait_and_requeue(queue, key, requeue))
            _enqueue(queue, key, requeue)
            queue.done(key)

    async def _reconciled(self, key: str) -> Requeue | None:
        self._reconciling += 1
        self._quiet.clear()
        try:
            return await self._reconciler.reconcile(key)
        except Conflict as error:
            # A concurrent change, perhaps by the same controller on another server: retried.
            log.debug("%s: reconciling %s: %s", self.name, key, error)
        except StatusError as error:
            log.warning("%s: reconciling %s failed: %s", self.name, key, error)
        except Exception:
            # An error with one key must not stop the reconciliation of others.
            log.exception("%s: reconciling %s failed", self.name, key)
        finally:
            self._reconciling -= 1
            if not self._reconciling:
                self._quiet.set()
        return Requeue(None)

    async def _wait_and_requeue(self, queue: WorkQueue, key: str, requeue: Requeue) -> None:
        tasks = [
            asyncio.create_task(self._wait_for_change(each, requeue.min_delay))
            for each in requeue.changes
        ]
        if requeue.deletions:
            tasks.append(asyncio.create_task(self._wait_for_deletions(requeue.deletions)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        except* StatusError as errors:
            # The key is reconciled again after its delay.
            log.debug("%s: watch for %s failed: %s", self.name, key, errors.exceptions)
        else:
            queue.add(key)
        finally:
            for task in tasks:
                task.cancel()

    async def _wait_for_change(self, change: ChangeAfter, min_delay: float) -> None:
        await asyncio.sleep(min_delay)
        events = self._client.watch(
            change.resource, change.namespace, resource_version=change.resource_version
        )
        try:
            async with aclosing(events) as batches:
                async for _ in batches:
                    return
        except StatusError as error:
            # The history since is unavailable, so a change is assumed.
            log.debug("%s: watch of %s failed: %s", self.name, change.resource.resource, error)

    async def _wait_for_deletions(self, deletions: Sequence[PendingDeletions]) -> None:
        async with asyncio.TaskGroup() as group:
            for each in deletions:
                group.create_task(self._count_deletions(each))

    async def _count_deletions(self, deletions: PendingDeletions) -> None:
        left = deletions.count
        events = self._client.watch(
            deletions.resource, deletions.namespace, resource_version=deletions.resource_version
        )
        async with aclosing(events) as batches:
            async for batch in batches:
                left -= sum(event.type == DELETED for event in batch)
                if left <= 0:
                    return


def _enqueue(queue: WorkQueue, key: str, requeue: Requeue | None) -> None:
    if requeue is not None and requeue.seconds is None:
        queue.add_rate_limited(key)
        return
    queue.forget(key)
    if requeue is not None and requeue.seconds is not None:
        queue.add_after(key, requeue.seconds)
