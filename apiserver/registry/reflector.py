"""Reflectors: keep something outside the store in step with the objects of one resource.

Every process has its own reflectors, each with a watch on the cache of the process. They are synced
before the server is ready. When a watch ends, the reflector lists and watches again, and removes
the objects that no longer exist. Events come in batches, which are flushed together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final, Protocol

from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import NamespacedName
from apiserver.machinery.options import list_options
from apiserver.registry.registry import Registry
from apiserver.registry.selected_values import UNREADABLE
from apiserver.registry.stored import Stored
from apiserver.registry.watch import DELETED, Watch, WatchEvent, watch_objects
from apiserver.registry.yielding import Yielder

_RETRY_SECONDS: Final = 0.2

log = logging.getLogger(__name__)


class ReflectorTarget(Protocol):
    """Receives the objects of a resource, by namespace and name."""

    async def put(self, key: NamespacedName, stored: Stored) -> None:
        """Add or replace an object. Raises Corrupt, KeyError, TypeError or ValueError."""
        ...

    def remove(self, key: NamespacedName) -> None:
        """Remove an object; it may be unknown."""
        ...

    def flush(self) -> None:
        """Apply the changes since the last call, unless `put` and `remove` apply them."""
        return


class Reflector:
    """Passes the objects of a resource, which must be a built-in one, to a target."""

    def __init__(
        self, registry: Registry, resource: GroupVersionResource, target: ReflectorTarget
    ) -> None:
        self._registry = registry
        self._gvr = resource
        self._target = target
        self._known: set[NamespacedName] = set()
        self._synced = asyncio.Event()
        # The revision that the target has reached; the event is set at every change of it.
        self._revision = 0
        self._advanced = asyncio.Event()

    async def wait_until_synced(self) -> None:
        """Wait until the target has everything that existed when `run` began."""
        await self._synced.wait()

    async def wait_until_current(self) -> None:
        """Wait until the target has everything that is in the cache now."""
        resource = self._registry.resource(*self._gvr)
        assert resource is not None
        changed = resource.store.last_change(resource.prefix(""))
        while self._revision < changed:
            self._advanced.clear()
            await self._advanced.wait()

    async def run(self) -> None:
        """List and watch the objects until cancelled."""
        while True:
            try:
                await self._list_and_watch()
            except StatusError as error:
                log.warning("watch of %s failed: %s", self._gvr.resource, error)
            except Exception:
                # An error here is a bug. It must not end the reflector.
                log.exception("%s: starting again after an error", self._gvr.resource)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _list_and_watch(self) -> None:
        resource = self._registry.resource(*self._gvr)
        assert resource is not None
        watch = await watch_objects(resource, "", list_options({}))
        prefix = resource.prefix("")
        try:
            seen = resource.store.cached_revision
            await self._load(watch, prefix)
            self._synced.set()
            self._advance(seen)
            pending = asyncio.Event()
            watch.subscribed(pending.set)
            while await pending.wait():
                pending.clear()
                for part in watch.take_parts():
                    await self._apply(watch.select(part), prefix)
                    self._advance(part[-1].revision)
        except EOFError:
            # The watch has ended, so later changes are unknown.
            return
        finally:
            watch.close()

    async def _load(self, watch: Watch, prefix: str) -> None:
        """Put every object that exists, and remove the others."""
        absent = set(self._known)
        async with aclosing(watch.opening()) as opening:
            async for events in opening:
                absent.difference_update(await self._apply(events, prefix))
        for key in absent:
            self._remove(key)
        self._target.flush()

    async def _apply(self, events: Iterable[WatchEvent], prefix: str) -> list[NamespacedName]:
        keys, yielder = [], Yielder()
        for event in events:
            namespace, _, name = event.stored.key.removeprefix(prefix).rpartition("/")
            key = NamespacedName(namespace, name)
            keys.append(key)
            if event.type == DELETED:
                self._remove(key)
            else:
                await self._put(key, event.stored)
            await yielder.yield_if_due()
        self._target.flush()
        return keys

    def _advance(self, revision: int) -> None:
        self._revision = max(self._revision, revision)
        self._advanced.set()

    async def _put(self, key: NamespacedName, stored: Stored) -> None:
        try:
            await self._target.put(key, stored)
            self._known.add(key)
        except UNREADABLE:
            # This server would not have stored such an object.
            log.exception("%s cannot be used", stored.key)
            self._remove(key)

    def _remove(self, key: NamespacedName) -> None:
        self._known.discard(key)
        self._target.remove(key)


@asynccontextmanager
async def running_reflectors(reflectors: Sequence[Reflector]) -> AsyncGenerator[None, None]:
    """Run reflectors while the block runs; it begins when all of them are synced."""
    tasks = [asyncio.create_task(reflector.run(), name="reflector") for reflector in reflectors]
    try:
        await asyncio.gather(*(reflector.wait_until_synced() for reflector in reflectors))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
