"""Watches in this process: their events for controllers, with objects or with metadata only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from apiserver.client.client import MetadataEvent, ObjectEvent
from apiserver.machinery.objects import Object
from apiserver.registry import watch as watches
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from storage.errors import StorageError

T = TypeVar("T")


async def follow(
    watch: watches.Watch,
    show: Callable[[Sequence[watches.WatchEvent]], Sequence[T]],
    select: Callable[[watches.Part], Sequence[watches.WatchEvent]],
    pause: float = 0.0,
) -> AsyncGenerator[Sequence[T], None]:
    """Yield the events that ``select`` chooses, as converted by ``show``.

    An empty sequence separates the initial events from changes. Changes are taken together that
    happen within ``pause`` seconds.
    """
    try:
        async with aclosing(watch.opening()) as opening:
            async for events in opening:
                if events:
                    yield show(events)
        yield ()
        due = asyncio.Event()
        watch.subscribed(due.set)
        while await due.wait():
            if pause:
                await asyncio.sleep(pause)
            due.clear()
            try:
                while parts := watch.take_parts():
                    for part in parts:
                        events = select(part)
                        if events:
                            yield show(events)
            except EOFError:
                return
    finally:
        watch.close()


def unselected(part: watches.Part) -> list[watches.WatchEvent]:
    """Return the events of a watch without selectors; a deleted object is as it was stored."""
    changes = []
    for event in part:
        before, after = event.previous, event.record
        if after is not None:
            kind = watches.ADDED if before is None else watches.MODIFIED
            changes.append(watches.WatchEvent(kind, after.value, event.revision))
        elif before is not None:
            changes.append(watches.WatchEvent(watches.DELETED, before.value, event.revision))
    return changes


def metadata_events(
    resource: Resource, events: Sequence[watches.WatchEvent]
) -> list[MetadataEvent]:
    """Return events with metadata; an object is decoded only if it has more than its identity.

    Raises StatusError.
    """
    prefix, found = len(resource.prefix()), []
    for event in events:
        stored = event.stored
        uid = stored.plain_uid
        if uid is None:
            (document,) = read_objects(resource, "watch", [stored])
            found.append(MetadataEvent(event.type, document["metadata"]))
        else:
            namespace, _, name = stored.key[prefix:].rpartition("/")
            metadata = {"namespace": namespace, "name": name, "uid": uid}
            found.append(MetadataEvent(event.type, metadata))
    return found


def object_events(resource: Resource, events: Sequence[watches.WatchEvent]) -> list[ObjectEvent]:
    """Return events with objects. Raises StatusError."""
    objects = read_objects(resource, "watch", [event.stored for event in events])
    return [ObjectEvent(event.type, seen) for event, seen in zip(events, objects, strict=True)]


def read_objects(resource: Resource, verb: str, found: Sequence[Stored]) -> list[Object]:
    """Return stored objects, read for ``verb``. Raises StatusError."""
    try:
        return [stored.object for stored in found]
    except StorageError as error:
        raise resource.failed(error, verb) from error
