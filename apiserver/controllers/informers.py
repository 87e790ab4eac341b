"""Informers: watches that keep a controller's own state equal to the stored objects.

A controller that decides on many objects at once keeps what it needs of them in memory. It must not
decide before its watches have shown everything, and when a watch ends it has missed changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import TypeAlias

from apiserver.client.client import Client, ObjectEvent
from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.registry.yielding import Yielder

#: Receives the events of one resource.
Handler: TypeAlias = Callable[[ObjectEvent], None]

log = logging.getLogger(__name__)


class _Ended(Exception):
    """A watch has ended, so that its events are incomplete."""


async def follow(
    client: Client, handlers: Mapping[GroupVersionResource, Handler], synced: asyncio.Event
) -> None:
    """Pass the events of resources to their handlers until the first watch ends.

    Each begins with ADDED for every object. ``synced`` is set when all of them have come, and
    cleared at the end. The caller then clears its state and starts again.
    """
    synced.clear()
    shown = {resource: asyncio.Event() for resource in handlers}
    try:
        async with asyncio.TaskGroup() as group:
            for resource, handler in handlers.items():
                group.create_task(_watch(client, resource, handler, shown[resource]))
            for event in shown.values():
                await event.wait()
            synced.set()
    except* _Ended:
        pass
    finally:
        synced.clear()


async def _watch(
    client: Client, resource: GroupVersionResource, handler: Handler, shown: asyncio.Event
) -> None:
    yielder = Yielder()
    try:
        async with aclosing(client.watch(resource)) as batches:
            async for batch in batches:
                if not batch:
                    shown.set()
                for event in batch:
                    handler(event)
                await yielder.yield_if_due()
    except StatusError as error:
        log.warning("watch of %s failed: %s", resource.resource, error)
    raise _Ended
