"""Followers: keep something outside the store in step with the objects of one resource.

Every process follows by itself, with a watch on its own cache. What exists at the start is known
before the server is ready. If the watch ends, the follower starts again and lets go of what is no
longer there. Changes come in batches: those that happened together are settled together.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Final, Protocol

from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.options import list_options
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored
from apiserver.registry.watch import DELETED, Watch, WatchEvent, watch_objects
from apiserver.registry.yielding import Yielder
from storage.errors import StorageError

_RETRY_SECONDS: Final = 0.2

log = logging.getLogger(__name__)


class Sink(Protocol):
    """What is told of the objects of a resource, by namespace and name."""

    async def put(self, key: tuple[str, str], stored: Stored) -> None:
        """Take in a new state of an object. Raises Corrupt, KeyError, TypeError or ValueError."""
        ...

    def remove(self, key: tuple[str, str]) -> None:
        """Let go of an object; it may be unknown."""
        ...

    def settle(self) -> None:
        """Carry out what was put and removed since the last call, if that has not happened yet."""
        return


class Follower:
    """Tells a sink of the objects of a resource, which must be a built-in one."""

    def __init__(self, registry: Registry, resource: GroupVersionResource, sink: Sink) -> None:
        self._registry = registry
        self._gvr = resource
        self._sink = sink
        self._known: set[tuple[str, str]] = set()
        self._synced = asyncio.Event()
        # The revision up to which the sink knows everything, and who waits for a later one.
        self._revision = 0
        self._advanced = asyncio.Event()

    async def wait_until_synced(self) -> None:
        """Wait until the sink has everything that existed when `run` began."""
        await self._synced.wait()

    async def wait_until_current(self) -> None:
        """Wait until the sink has everything that is in the cache now."""
        resource = self._registry.resource(*self._gvr)
        assert resource is not None
        changed = resource.store.last_change(resource.prefix(""))
        while self._revision < changed:
            self._advanced.clear()
            await self._advanced.wait()

    async def run(self) -> None:
        """Follow the objects until cancelled."""
        while True:
            try:
                await self._follow()
            except StatusError as error:
                log.warning("watch of %s failed: %s", self._gvr.resource, error)
            except Exception:
                # An error here is a bug. It must not end what is followed.
                log.exception("%s: starting again after an error", self._gvr.resource)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _follow(self) -> None:
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
            # The watch has ended, and with it what is known of later changes: it starts again.
            return
        finally:
            watch.close()

    async def _load(self, watch: Watch, prefix: str) -> None:
        """Tell the sink of what exists, and of what does not exist any more."""
        absent = set(self._known)
        async with aclosing(watch.opening()) as opening:
            async for events in opening:
                absent.difference_update(await self._apply(events, prefix))
        for key in absent:
            self._remove(key)
        self._sink.settle()

    async def _apply(self, events: Iterable[WatchEvent], prefix: str) -> list[tuple[str, str]]:
        keys, yielder = [], Yielder()
        for event in events:
            namespace, _, name = event.stored.key.removeprefix(prefix).rpartition("/")
            key = namespace, name
            keys.append(key)
            if event.type == DELETED:
                self._remove(key)
            else:
                await self._put(key, event.stored)
            await yielder.yield_if_due()
        self._sink.settle()
        return keys

    def _advance(self, revision: int) -> None:
        self._revision = max(self._revision, revision)
        self._advanced.set()

    async def _put(self, key: tuple[str, str], stored: Stored) -> None:
        try:
            await self._sink.put(key, stored)
            self._known.add(key)
        except (StorageError, LookupError, TypeError, ValueError, AttributeError):
            # This server would not have stored it, and does not know what it means.
            log.exception("%s cannot be followed", stored.key)
            self._remove(key)

    def _remove(self, key: tuple[str, str]) -> None:
        self._known.discard(key)
        self._sink.remove(key)


@asynccontextmanager
async def following(followers: Sequence[Follower]) -> AsyncGenerator[None, None]:
    """Run followers while the block runs; at its beginning all of them are in step."""
    tasks = [asyncio.create_task(follower.run(), name="follower") for follower in followers]
    try:
        await asyncio.gather(*(follower.wait_until_synced() for follower in followers))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
