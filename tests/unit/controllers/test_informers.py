"""Informers: synchronisation and relisting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from apiserver.client.client import ADDED, MODIFIED, ObjectEvent
from apiserver.controllers.informers import follow
from apiserver.machinery.builtin_resources import PODS, SERVICES
from apiserver.machinery.errors import BadRequest
from apiserver.machinery.gvk import GroupVersionResource
from tests.waiting import eventually

Events = asyncio.Queue[Sequence[ObjectEvent] | BadRequest | None]


class Watched:
    """A client of which only watches are asked; ``None`` ends one, an error breaks it off."""

    def __init__(self) -> None:
        self.events: dict[GroupVersionResource, Events] = {
            PODS: asyncio.Queue(),
            SERVICES: asyncio.Queue(),
        }

    async def watch(
        self, resource: GroupVersionResource, *_: Any, **__: Any
    ) -> AsyncGenerator[Sequence[ObjectEvent], None]:
        while (batch := await self.events[resource].get()) is not None:
            if isinstance(batch, BadRequest):
                raise batch
            yield batch


def event(name: str, type_: str = ADDED) -> ObjectEvent:
    return ObjectEvent(type_, {"metadata": {"name": name}})


@pytest.mark.parametrize("end", [None, BadRequest("too slow")])
async def test_all_is_known_from_the_last_list_to_the_first_end(end: BadRequest | None) -> None:
    client, synced, seen = Watched(), asyncio.Event(), list[str]()

    def handler(event: ObjectEvent) -> None:
        seen.append(f"{event.type} {event.object['metadata']['name']}")

    handlers = {PODS: handler, SERVICES: handler}
    following = asyncio.create_task(follow(client, handlers, synced))  # type: ignore[arg-type]
    client.events[PODS].put_nowait([event("p")])
    client.events[PODS].put_nowait([])
    client.events[SERVICES].put_nowait([event("s")])
    await eventually(lambda: len(seen) == 2)
    assert not synced.is_set()
    client.events[SERVICES].put_nowait([])
    await eventually(synced.is_set)
    client.events[PODS].put_nowait([event("p", MODIFIED)])
    await eventually(lambda: len(seen) == 3)
    assert seen == ["ADDED p", "ADDED s", "MODIFIED p"]
    client.events[SERVICES].put_nowait(end)
    await following
    assert not synced.is_set()


async def test_a_watch_may_end_before_the_others_have_shown_anything() -> None:
    client, synced = Watched(), asyncio.Event()
    client.events[PODS].put_nowait(None)
    handlers = {PODS: lambda _: None, SERVICES: lambda _: None}
    await follow(client, handlers, synced)  # type: ignore[arg-type]
    assert not synced.is_set()
