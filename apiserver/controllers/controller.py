"""Controller: feeds say which keys to look at, and a reconciler brings each to where it should be.

A reconciler is called with a key, whatever happened to it and however often: it looks at what is
there and does what is missing. Where something must happen first, it returns a `Wait` for it: what
is waited for is watched, and costs nothing until it comes.

Several servers on one store may all run the same controllers: what they do is the same, and done to
the object that was looked at or not at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, Protocol

from apiserver.client.client import DELETED, Client, WatchEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.machinery.errors import Conflict, StatusError
from apiserver.machinery.gvk import GroupVersionResource

_RETRY_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Going:
    """So many objects of a resource in a namespace, as of a resourceVersion, that are to go."""

    resource: GroupVersionResource
    namespace: str
    resource_version: str
    count: int


@dataclass(frozen=True, slots=True)
class Change:
    """Anything that happens to objects of a resource in a namespace after a resourceVersion."""

    resource: GroupVersionResource
    namespace: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Wait:
    """When to look again: after so many seconds, or before if what is waited for comes.

    That is when all of ``going`` is gone, or the first of ``changes``; one that comes within
    ``rest`` seconds counts when these are over. ``None`` for ``seconds`` is for a failure: the more
    of them in a row, the longer it takes.
    """

    seconds: float | None
    going: Sequence[Going] = ()
    changes: Sequence[Change] = ()
    rest: float = 0.0


@dataclass(frozen=True, slots=True)
class Feed:
    """A watch, and what its events mean for the queue."""

    resource: GroupVersionResource
    field_selector: str
    enqueue: Callable[[WorkQueue, WatchEvent], None]


class Reconciler(Protocol):
    """What one controller knows and does."""

    @property
    def feeds(self) -> Sequence[Feed]:
        """Where keys come from."""
        ...

    async def reconcile(self, key: str) -> Wait | None:
        """Do what is missing; return what to wait for, ``None`` where nothing is left to do."""
        ...


class Controller:
    """One reconciler with its feeds, its queue and its workers."""

    def __init__(self, name: str, client: Client, reconciler: Reconciler, workers: int = 1) -> None:
        self.name = name
        self._client = client
        self._reconciler = reconciler
        self._workers = workers
        self._waiting: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Watch and reconcile until it is cancelled."""
        while True:
            queue = WorkQueue()
            try:
                async with asyncio.TaskGroup() as group:
                    for feed in self._reconciler.feeds:
                        group.create_task(self._follow(feed, queue))
                    for _ in range(self._workers):
                        group.create_task(self._work(queue, group))
            except Exception:
                # Whatever breaks here is our mistake, and the server has others to serve.
                log.exception("%s: begins anew", self.name)
            finally:
                queue.close()
                self._waiting.clear()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self, feed: Feed, queue: WorkQueue) -> None:
        while True:
            events = self._client.watch(feed.resource, field_selector=feed.field_selector)
            try:
                async with aclosing(events) as batches:
                    async for batch in batches:
                        for event in batch:
                            feed.enqueue(queue, event)
            except StatusError as error:
                log.warning("%s: watching %s: %s", self.name, feed.resource.resource, error)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _work(self, queue: WorkQueue, group: asyncio.TaskGroup) -> None:
        while True:
            key = await queue.get()
            wait = await self._reconciled(key)
            waiting = self._waiting.pop(key, None)
            if waiting is not None:
                waiting.cancel()
            if wait is not None and (wait.going or wait.changes):
                self._waiting[key] = group.create_task(self._wait(queue, key, wait))
            _enqueue(queue, key, wait)
            queue.done(key)

    async def _reconciled(self, key: str) -> Wait | None:
        try:
            return await self._reconciler.reconcile(key)
        except Conflict as error:
            # Somebody else was faster: another server, perhaps, with the same.
            log.debug("%s: %s: %s", self.name, key, error)
        except StatusError as error:
            log.warning("%s: %s: %s", self.name, key, error)
        except Exception:
            # One key that makes trouble must not keep others from being looked at.
            log.exception("%s: %s", self.name, key)
        return Wait(None)

    async def _wait(self, queue: WorkQueue, key: str, wait: Wait) -> None:
        tasks = [asyncio.create_task(self._happened(each, wait.rest)) for each in wait.changes]
        if wait.going:
            tasks.append(asyncio.create_task(self._all_gone(wait.going)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        except* StatusError as errors:
            # The key is looked at again after its time.
            log.debug("%s: waiting for %s: %s", self.name, key, errors.exceptions)
        else:
            queue.add(key)
        finally:
            for task in tasks:
                task.cancel()

    async def _happened(self, change: Change, rest: float) -> None:
        await asyncio.sleep(rest)
        events = self._client.watch(
            change.resource, change.namespace, resource_version=change.resource_version
        )
        try:
            async with aclosing(events) as batches:
                async for _ in batches:
                    return
        except StatusError as error:
            # What happened since is not known any more, so something may have.
            log.debug("%s: watching %s: %s", self.name, change.resource.resource, error)

    async def _all_gone(self, going: Sequence[Going]) -> None:
        async with asyncio.TaskGroup() as group:
            for each in going:
                group.create_task(self._gone(each))

    async def _gone(self, going: Going) -> None:
        left = going.count
        events = self._client.watch(
            going.resource, going.namespace, resource_version=going.resource_version
        )
        async with aclosing(events) as batches:
            async for batch in batches:
                left -= sum(event.type == DELETED for event in batch)
                if left <= 0:
                    return


def _enqueue(queue: WorkQueue, key: str, wait: Wait | None) -> None:
    if wait is not None and wait.seconds is None:
        queue.add_rate_limited(key)
        return
    queue.forget(key)
    if wait is not None and wait.seconds is not None:
        queue.add_after(key, wait.seconds)
